#include "study/surrogate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"
#include "study/search_result.h"

namespace thimble::study {
namespace {

SearchOptions options_of_four_groups() {
  SearchOptions options;
  options.groups = {"a", "b", "c", "d"};
  options.layers = {"a", "b", "c", "d", "dense"};
  options.rungs = 1;
  return options;
}

/// Smaller networks cost less and err more; the last group is needed least.
Candidate measured(const Genes& genes) {
  double error = 0.04;
  double macs = 1;
  double bytes = 1;
  for (size_t g = 0; g < 4; ++g) {
    const double part = (genes[g] + 1.0) / kParts;
    macs += 4 * part * (g > 0 ? (genes[g - 1] + 1.0) / kParts : 1);
    bytes += 4 * part * (genes[4 + g] == 1 ? 0.5 : 1);
    error -= 0.004 * static_cast<double>(4 - g) * std::log(part);
  }
  Candidate candidate;
  candidate.genes = genes;
  candidate.objectives = {error, macs, 10 * macs, 1000 * bytes};
  return candidate;
}

Genes any_genes(const SearchOptions& options, Random& random) {
  Genes genes;
  for (const int size : gene_sizes(options))
    genes.push_back(static_cast<int>(random.below(static_cast<uint32_t>(size))));
  return genes;
}

std::vector<Candidate> measured_candidates(const SearchOptions& options, size_t count, Random& random) {
  std::vector<Candidate> candidates = {measured({7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0})};
  while (candidates.size() < count) candidates.push_back(measured(any_genes(options, random)));
  return candidates;
}

double hypervolume_with(std::vector<Candidate> candidates, const std::vector<Genes>& genes) {
  for (const Genes& g : genes) candidates.push_back(measured(g));
  return result_of(candidates).hypervolume.back();
}

TEST(Surrogate, chooses_what_adds_more_hypervolume_than_others_do) {
  const SearchOptions options = options_of_four_groups();
  double gain = 0;
  double others_gain = 0;
  int less = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    const std::vector<Candidate> before = measured_candidates(options, 40, random);
    std::vector<Genes> pool;
    for (int i = 0; i < 120; ++i) pool.push_back(any_genes(options, random));
    std::vector<Genes> chosen;
    for (const size_t i : Surrogate::learn(before, options).value().choose(pool, 6))
      chosen.push_back(pool[i]);
    ASSERT_EQ(chosen.size(), 6U);
    const double there = hypervolume_with(before, {});
    const double own = hypervolume_with(before, chosen) - there;
    gain += own;
    for (auto six = pool.begin(); six != pool.end(); six += 6) {
      const double other = hypervolume_with(before, {six, six + 6}) - there;
      others_gain += other / 20;
      less += other < own ? 1 : 0;
    }
  }
  EXPECT_GT(gain, 1.5 * others_gain);
  EXPECT_GE(less, 75) << "of 100";
}

TEST(Surrogate, chooses_nothing_that_is_expected_to_miss_the_budget_or_to_add_nothing) {
  SearchOptions options = options_of_four_groups();
  Random random(1);
  const std::vector<Candidate> before = measured_candidates(options, 100, random);
  options.budget.latency_ms = 9;
  options.budget.accuracy = 0.9;
  std::vector<Genes> pool;
  for (int i = 0; i < 200; ++i) pool.push_back(any_genes(options, random));
  for (const Candidate& candidate : before) pool.push_back(candidate.genes);
  const auto chosen = Surrogate::learn(before, options).value().choose(pool, pool.size());
  EXPECT_GT(chosen.size(), 10U);
  EXPECT_LT(chosen.size(), pool.size() / 2);
  EXPECT_EQ(std::set<size_t>(chosen.begin(), chosen.end()).size(), chosen.size());
  const auto misses = std::count_if(chosen.begin(), chosen.end(), [&](size_t i) {
    const pipeline::Objectives objectives = measured(pool[i]).objectives;
    return objectives[1] > 9 || objectives[0] > 0.1;
  });
  EXPECT_LT(static_cast<double>(misses), 0.3 * static_cast<double>(chosen.size()));
}

TEST(Surrogate, knows_the_energy_and_where_candidates_fail) {
  SearchOptions options = options_of_four_groups();
  Random random(1);
  std::vector<Candidate> before = measured_candidates(options, 100, random);
  for (Candidate& candidate : before) candidate.energy_uj = 50 * candidate.objectives[1];
  std::vector<Genes> pool;
  for (int i = 0; i < 200; ++i) pool.push_back(any_genes(options, random));
  const auto part_of_chosen = [&](const auto& is_one) {
    const auto chosen = Surrogate::learn(before, options).value().choose(pool, 40);
    const auto count = std::count_if(chosen.begin(), chosen.end(), [&](size_t i) { return is_one(pool[i]); });
    return static_cast<double>(count) / static_cast<double>(chosen.size());
  };
  const auto takes_much = [](const Genes& genes) { return 50 * measured(genes).objectives[1] > 400; };
  EXPECT_GT(part_of_chosen(takes_much), 0.3);
  options.budget.energy_uj = 400;
  EXPECT_LT(part_of_chosen(takes_much), 0.1);

  options.budget.energy_uj.reset();
  const auto trains_rounded = [](const Genes& genes) { return genes[9] == 2; };
  const double part = part_of_chosen(trains_rounded);
  for (Candidate& candidate : before) {
    if (trains_rounded(candidate.genes)) candidate.objectives.clear();
  }
  EXPECT_LT(part_of_chosen(trains_rounded), 0.5 * part);
}

TEST(Surrogate, is_not_had_of_a_few_candidates_or_without_the_whole_network) {
  const SearchOptions options = options_of_four_groups();
  Random random(1);
  std::vector<Candidate> candidates = measured_candidates(options, 30, random);
  EXPECT_TRUE(Surrogate::learn(candidates, options));
  EXPECT_FALSE(Surrogate::learn({candidates.begin(), candidates.begin() + 5}, options));
  EXPECT_FALSE(Surrogate::learn({}, options));
  candidates.front().objectives.clear();
  EXPECT_FALSE(Surrogate::learn(candidates, options));
}

}  // namespace
}  // namespace thimble::study
