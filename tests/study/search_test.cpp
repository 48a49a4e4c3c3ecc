#include "study/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

#include "base/files.h"
#include "base/random.h"
#include "pipeline/recipe.h"
#include "study/sqlite_storage.h"
#include "support/expect_error.h"

namespace thimble::study {
namespace {

Candidate point(pipeline::Objectives objectives, double excess = 0) {
  return {.genes = {}, .objectives = std::move(objectives), .excess = excess};
}

bool comes_before(const Candidate& a, const Candidate& b) {
  if (a.excess != b.excess) return a.excess < b.excess;
  return a.excess == 0 && pipeline::dominates(a.objectives, b.objectives);
}

TEST(NonDominatedSort, a_rank_is_the_longest_chain_of_those_that_come_before) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<Candidate> candidates;
    for (int i = 0; i < 12; ++i) {
      const auto any = [&] { return static_cast<double>(random.below(5)); };
      candidates.push_back(point({any(), any(), any()}, random.below(3) == 0 ? any() : 0));
    }
    const std::function<size_t(size_t)> chain = [&](size_t i) {
      size_t longest = 0;
      for (size_t j = 0; j < candidates.size(); ++j) {
        if (comes_before(candidates[j], candidates[i])) longest = std::max(longest, 1 + chain(j));
      }
      return longest;
    };
    const std::vector<size_t> ranks = ranks_of(candidates);
    for (size_t i = 0; i < candidates.size(); ++i) EXPECT_EQ(ranks[i], chain(i)) << round;
  }
}

TEST(Crowding, is_the_sum_of_the_neighbours_distances_over_the_ranges) {
  const std::vector<Candidate> candidates = {point({0, 8}), point({9, 9}), point({1, 4}), point({4, 0})};
  const std::vector<double> distances = crowding_of(candidates, {0, 2, 3});
  EXPECT_TRUE(std::isinf(distances[0]));
  EXPECT_DOUBLE_EQ(distances[1], 4.0 / 4 + 8.0 / 8);
  EXPECT_TRUE(std::isinf(distances[2]));
}

SearchOptions options_of(SearchStrategy strategy) {
  SearchOptions options;
  options.model = "m.onnx";
  options.data = "mnist";
  options.device = "nano33ble";
  options.budget.ram_bytes = 100;
  options.strategy = strategy;
  options.population = 6;
  options.groups = {"conv_1", "conv_2"};
  return options;
}

/// Ends the pending trials with figures of their recipes: smaller networks cost less and err more.
void end_pending(Storage& storage) {
  while (const auto trial = storage.claim()) {
    const pipeline::Recipe recipe = pipeline::parse_recipe(trial->recipe, "the candidate's");
    double kept = 2;
    for (const pipeline::Stage& stage : recipe.stages) {
      const auto* prune = std::get_if<pipeline::PruneStage>(&stage);
      if (prune == nullptr) continue;
      for (const auto& [layer, part] : prune->options.select.layers) kept -= 1 - part;
    }
    if (trial->id == 4) {
      storage.fail(trial->id, "as one may");
      continue;
    }
    storage.finish(trial->id, {{"accuracy", "", 1 - 0.1 / kept, ""},
                               {"latency_ms", "nano33ble", kept, ""},
                               {"ram_bytes", "nano33ble", 60 * kept, ""},
                               {"flash_bytes", "nano33ble", 1000 * kept, ""}});
  }
}

std::vector<Candidate> search_in(const std::filesystem::path& file, const SearchOptions& options,
                                 size_t evaluations) {
  const auto storage = open_sqlite(file, true);
  return search(
      *storage, options, "1", evaluations, [] { return false; }, [&] { end_pending(*storage); });
}

TEST(Search, goes_on_to_the_candidates_of_one_that_was_not_stopped) {
  const TemporaryFolder folder;
  for (const auto strategy : {SearchStrategy::kNsga2, SearchStrategy::kRandom}) {
    const bool is_random = strategy == SearchStrategy::kRandom;
    const SearchOptions options = options_of(strategy);
    const auto whole = search_in(folder.path() / (is_random ? "r.db" : "n.db"), options, 20);
    const auto file = folder.path() / (is_random ? "rs.db" : "ns.db");
    for (const size_t evaluations : {3, 9, 20}) search_in(file, options, evaluations);
    const auto pieces = search_in(file, options, 20);
    ASSERT_EQ(whole.size(), 20U);
    ASSERT_EQ(pieces.size(), 20U);
    std::set<Genes> all;
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(pieces[i].genes, whole[i].genes) << i;
      EXPECT_EQ(pieces[i].objectives, whole[i].objectives) << i;
      all.insert(whole[i].genes);
    }
    EXPECT_EQ(all.size(), 20U) << "a candidate was measured twice";
    EXPECT_TRUE(whole[3].objectives.empty());
    EXPECT_GT(whole[0].excess, 0) << "the whole network takes 120 bytes of RAM, of 100";
    EXPECT_NEAR(whole[0].objectives.at(0), 0.05, 1e-12);
    EXPECT_EQ(reference_point(whole), (pipeline::Objectives{0.1, 2, 120, 2000}));
  }
}

TEST(Search, refuses_a_file_of_another_search_and_a_reference_that_failed) {
  const TemporaryFolder folder;
  SearchOptions options = options_of(SearchStrategy::kNsga2);
  search_in(folder.path() / "s.db", options, 2);
  options.seed = 2;
  test::expect_error([&] { search_in(folder.path() / "s.db", options, 2); }, {"another search", "-o"});
  test::expect_error([&] { reference_point({point({})}); }, {"whole network", "thimble check"});
}

TEST(Search, recipes_say_what_the_genes_mean) {
  const SearchOptions options = options_of(SearchStrategy::kNsga2);
  const pipeline::Recipe recipe =
      pipeline::parse_recipe(recipe_of({3, 7, 1, 1, 2, 1}, options, true), "the candidate's");
  EXPECT_TRUE(recipe.held_out);
  const auto& prune = std::get<pipeline::PruneStage>(recipe.stages.at(0)).options;
  EXPECT_EQ(prune.select.layers, (std::map<std::string, double>{{"conv_1", 0.5}}));
  const auto& quantize = std::get<pipeline::QuantizeStage>(recipe.stages.at(1)).options;
  EXPECT_EQ(quantize.post_training.weights.bits, 4);
  EXPECT_TRUE(quantize.training && quantize.distills);
  EXPECT_FALSE(pipeline::parse_recipe(recipe_of({7, 7, 0, 0, 0, 0}, options, false), "whole").held_out);
}

}  // namespace
}  // namespace thimble::study
