#include "study/search_result.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "base/files.h"
#include "base/random.h"
#include "pipeline/recipe.h"
#include "study/sqlite_storage.h"
#include "support/expect_error.h"

namespace thimble::study {
namespace {

Candidate point(pipeline::Objectives objectives, double excess = 0) {
  Candidate candidate;
  candidate.objectives = std::move(objectives);
  candidate.excess = excess;
  return candidate;
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
  options.rungs = 3;
  options.groups = {"conv_1", "conv_2"};
  options.layers = {"conv_1", "dense"};
  return options;
}

/// Ends pending trials, at most so many, with figures of their recipes: smaller networks cost less and err
/// more, longer training errs less.
void end_pending(Storage& storage, size_t most = 1000, int64_t failing = 4) {
  for (; most > 0; --most) {
    const auto trial = storage.claim();
    if (!trial) return;
    const pipeline::Recipe recipe = pipeline::parse_recipe(trial->recipe, "the candidate's");
    double kept = 2;
    double epochs = recipe.training_part;
    for (const pipeline::Stage& stage : recipe.stages) {
      if (const auto* prune = std::get_if<pipeline::PruneStage>(&stage)) {
        for (const auto& [layer, part] : prune->options.select.layers) kept -= 1 - part;
        if (prune->options.recovery) epochs *= prune->options.recovery->epochs;
      }
      if (const auto* quantize = std::get_if<pipeline::QuantizeStage>(&stage)) {
        if (quantize->options.post_training.weights.bits == 4) kept *= 0.75;
        if (!quantize->options.post_training.weights.layers.empty()) kept *= 0.9;
      }
    }
    if (trial->id == failing) {
      storage.fail(trial->id, "as one may");
      continue;
    }
    std::vector<Measurement> figures = {{"accuracy", "", 1 - 0.05 * (1 / kept + 1 / (1 + epochs)), ""}};
    if (name_of(recipe.stages.back()) == pipeline::ProfileStage::kName) {
      figures.push_back({"latency_ms", "nano33ble", kept, ""});
      figures.push_back({"ram_bytes", "nano33ble", 60 * kept, ""});
      figures.push_back({"flash_bytes", "nano33ble", 1000 * kept, ""});
    }
    storage.finish(trial->id, figures);
  }
}

std::vector<Candidate> search_in(const std::filesystem::path& file, const SearchOptions& options,
                                 size_t evaluations) {
  const auto storage = open_sqlite(file, true);
  return search(
      *storage, options, "1", evaluations, [] { return false; }, [&] { end_pending(*storage); });
}

void expect_same(const std::vector<Candidate>& a, const std::vector<Candidate>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id) << i;
    EXPECT_EQ(a[i].genes, b[i].genes) << i;
    EXPECT_EQ(a[i].rung, b[i].rung) << i;
    EXPECT_EQ(a[i].objectives, b[i].objectives) << i;
  }
}

TEST(Search, goes_on_to_the_candidates_of_one_that_was_not_stopped) {
  const TemporaryFolder folder;
  for (const auto strategy : {SearchStrategy::kNsga2, SearchStrategy::kRandom}) {
    const bool is_random = strategy == SearchStrategy::kRandom;
    const SearchOptions options = options_of(strategy);
    const auto whole = search_in(folder.path() / (is_random ? "r.db" : "n.db"), options, 26);
    const auto file = folder.path() / (is_random ? "rs.db" : "ns.db");
    for (const size_t evaluations : {3, 9, 15}) search_in(file, options, evaluations);
    const auto pieces = search_in(file, options, 26);
    ASSERT_EQ(whole.size(), 26U);
    expect_same(whole, pieces);
    std::set<std::pair<int, Genes>> all;
    for (const Candidate& candidate : whole) all.insert({candidate.rung, candidate.genes});
    EXPECT_EQ(all.size(), 26U) << "a candidate was measured twice";
    EXPECT_TRUE(whole[3].objectives.empty());
    EXPECT_GT(whole[0].costs_excess, 0) << "the whole network takes 120 bytes of RAM, of 100";
    EXPECT_NEAR(whole[0].objectives.at(0), 0.05 * (0.5 + 0.5), 1e-12);
  }
}

TEST(Search, goes_on_from_within_a_generation_that_ran_out_of_time) {
  const TemporaryFolder folder;
  const SearchOptions options = options_of(SearchStrategy::kNsga2);
  const auto whole = search_in(folder.path() / "whole.db", options, 12);
  const auto storage = open_sqlite(folder.path() / "pieces.db", true);
  for (size_t most = 1; most < 4; ++most) {
    bool is_over = false;
    const auto found = search(
        *storage, options, "1", 12, [&] { return is_over; },
        [&] {
          end_pending(*storage, most);
          is_over = true;
        });
    EXPECT_LT(found.size(), 12U);
    expect_same(found, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(found.size())});
  }
  expect_same(search_in(folder.path() / "pieces.db", options, 12), whole);
}

TEST(Search, what_failed_can_be_measured_again) {
  const TemporaryFolder folder;
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  SearchOptions options = options_of(SearchStrategy::kNsga2);
  options.rungs = 1;
  const auto search_with = [&](size_t evaluations, int64_t failing, bool retry) {
    return search(
        *storage, options, "1", evaluations, [] { return false; },
        [&] { end_pending(*storage, 1000, failing); }, retry);
  };
  // It ends within the third generation, whose children would be others if the fourth had not failed.
  const auto before = search_with(15, 4, false);
  EXPECT_TRUE(before[3].objectives.empty());
  EXPECT_EQ(before[3].error, "as one may");
  const auto after = search_with(20, 0, true);
  ASSERT_EQ(after.size(), 20U);
  EXPECT_FALSE(after[3].objectives.empty());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i].genes, before[i].genes) << i;
  EXPECT_EQ(search_with(26, 0, false).size(), 26U);

  test::expect_error(
      [&] {
        search(
            *storage, options, "2", 26, [] { return false; }, [] {}, true);
      },
      {"by Thimble 1, this is 2"});
  SearchOptions other = options;
  other.seed = 2;
  EXPECT_EQ(search_with(27, 27, false).back().error, "as one may");
  test::expect_error(
      [&] {
        search(
            *storage, other, "1", 26, [] { return false; }, [] {}, true);
      },
      {"another search"});
  EXPECT_EQ(storage->trials().at(26).state, TrialState::kFailed) << "a search that was refused retried";
}

TEST(Search, ends_where_the_one_that_all_are_measured_against_failed) {
  const TemporaryFolder folder;
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  int calls = 0;
  const auto found = search(
      *storage, options_of(SearchStrategy::kNsga2), "1", 1000, [] { return false; },
      [&] {
        ++calls;
        end_pending(*storage, 1000, 1);
      });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(found.front().error, "as one may");
}

TEST(Search, has_no_candidates_before_the_one_that_all_are_measured_against) {
  const TemporaryFolder folder;
  const SearchOptions options = options_of(SearchStrategy::kNsga2);
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  std::optional<Trial> first;
  bool is_over = false;
  const auto found = search(
      *storage, options, "1", 6, [&] { return is_over; },
      [&] {
        first = storage->claim();
        end_pending(*storage);
        is_over = true;
      });
  EXPECT_EQ(first->id, 1);
  EXPECT_TRUE(found.empty());
  test::expect_error([&] { result_of(read_search(*storage).candidates, {}); }, {"whole network", "yet"});
  storage->fail(1, "no disk");
  test::expect_error([&] { result_of(read_search(*storage).candidates, {}); }, {"no disk", "--retry"});
}

TEST(Search, is_another_one_with_another_network_or_other_data) {
  const TemporaryFolder folder;
  SearchOptions options = options_of(SearchStrategy::kRandom);
  options.model_sha256 = options.data_sha256 = options.device_sha256 = "1";
  search_in(folder.path() / "s.db", options, 3);
  EXPECT_EQ(read_search(*open_sqlite(folder.path() / "s.db", false)).options.data_sha256, "1");
  for (std::string SearchOptions::*sha256 :
       {&SearchOptions::model_sha256, &SearchOptions::data_sha256, &SearchOptions::device_sha256}) {
    SearchOptions other = options;
    other.*sha256 = "2";
    test::expect_error([&] { search_in(folder.path() / "s.db", other, 6); }, {"another search"});
  }
}

TEST(Search, the_better_half_trains_longer_and_costs_are_counted_once) {
  const TemporaryFolder folder;
  SearchOptions options = options_of(SearchStrategy::kNsga2);
  const auto found = search_in(folder.path() / "s.db", options, 33);
  const auto trials = open_sqlite(folder.path() / "s.db", false)->trials();
  std::map<Genes, std::vector<double>> costs;
  std::array<int, 3> of_rung = {};
  for (size_t i = 0; i < found.size(); ++i) {
    const Candidate& candidate = found[i];
    ++of_rung.at(static_cast<size_t>(candidate.rung));
    const pipeline::Recipe recipe = pipeline::parse_recipe(trials[i].recipe, "the candidate's");
    EXPECT_EQ(recipe.training_part, candidate.rung == 0 && i > 0 ? 0.25 : 1);
    if (candidate.rung == 0) continue;
    EXPECT_EQ(candidate.costs_excess, 0) << "what cannot keep the limits is not trained on";
    EXPECT_NE(name_of(recipe.stages.back()), pipeline::ProfileStage::kName) << i;
    const auto below = std::find_if(found.begin(), found.end(), [&](const Candidate& other) {
      return other.genes == candidate.genes && other.rung == candidate.rung - 1;
    });
    ASSERT_NE(below, found.end());
    EXPECT_LT(below->id, candidate.id);
    EXPECT_EQ(std::vector(below->objectives.begin() + 1, below->objectives.end()),
              std::vector(candidate.objectives.begin() + 1, candidate.objectives.end()));
  }
  EXPECT_GT(of_rung[0], of_rung[1]);
  EXPECT_GT(of_rung[1], of_rung[2]);
  EXPECT_GT(of_rung[2], 0);
  // Of those that keep the limits, the best by rank are the first to train longer.
  std::vector<Candidate> first(found.begin(), found.begin() + 6);
  const std::vector<size_t> ranks = ranks_of(first);
  const std::vector<Genes> next = promoted(options, first, 1);
  for (const Genes& genes : next) {
    const auto at = std::find_if(first.begin(), first.end(), [&](const auto& c) { return c.genes == genes; });
    const size_t rank = ranks[static_cast<size_t>(at - first.begin())];
    for (size_t i = 0; i < first.size(); ++i) {
      if (first[i].costs_excess == 0 && ranks[i] < rank) {
        EXPECT_TRUE(std::find(next.begin(), next.end(), first[i].genes) != next.end()) << i;
      }
    }
  }
}

TEST(Search, what_lies_in_a_file_is_read_without_changing_it) {
  const TemporaryFolder folder;
  SearchOptions options = options_of(SearchStrategy::kRandom);
  options.budget.accuracy = 0.8;
  options.groups = {"a \"b\\", "c/d"};
  const auto found = search_in(folder.path() / "s.db", options, 15);
  const auto storage = open_sqlite(folder.path() / "s.db", false);
  ASSERT_TRUE(is_search(*storage));
  const SearchSoFar there = read_search(*storage);
  expect_same(there.candidates, found);
  EXPECT_EQ(there.options.groups, options.groups);
  EXPECT_EQ(there.options.budget.accuracy, options.budget.accuracy);
  EXPECT_EQ(there.options.strategy, options.strategy);
}

TEST(Search, takes_the_plans_that_lie_there_and_makes_none_anew) {
  // As a machine would find them whose arithmetic rounds otherwise than that of the one that planned.
  const TemporaryFolder folder;
  const SearchOptions options = options_of(SearchStrategy::kNsga2);
  search_in(folder.path() / "s.db", options, 26);
  const auto first = open_sqlite(folder.path() / "s.db", false);
  Study study;
  study.name = "search";
  study.text = first->study_text();
  for (const Trial& trial : first->trials()) study.trials.push_back({trial.key, trial.recipe});
  const Genes genes = {6, 5, 0, 1, 1, 2, 1};
  std::string& recipe = study.trials[25].recipe;
  const std::string line = recipe.substr(0, recipe.find("genes"));
  const bool counts = line.find("counts 1") != std::string::npos;
  const int rung = line.find("rung 0") != std::string::npos   ? 0
                   : line.find("rung 1") != std::string::npos ? 1
                                                              : 2;
  recipe = line + "genes 6 5 0 1 1 2 1\n" + recipe_of({genes, rung, counts}, options, MeasuredOn::kHeldOut);
  const auto second = open_sqlite(folder.path() / "second.db", true);
  second->add(study, "1");
  end_pending(*second);
  const SearchSoFar there = read_search(*second);
  ASSERT_EQ(there.candidates.size(), 26U);
  EXPECT_EQ(there.candidates[25].genes, genes);
}

TEST(Search, refuses_a_file_of_another_search_or_plan) {
  const TemporaryFolder folder;
  SearchOptions options = options_of(SearchStrategy::kNsga2);
  search_in(folder.path() / "s.db", options, 2);
  options.seed = 2;
  test::expect_error([&] { search_in(folder.path() / "s.db", options, 2); }, {"another search", "-o"});

  const auto storage = open_sqlite(folder.path() / "other.db", true);
  options.seed = 1;
  Study study;
  study.text = open_sqlite(folder.path() / "s.db", false)->study_text();
  study.trials = {{{"candidate-1", options.model, options.data, 1}, "another recipe"}};
  storage->add(study, "1");
  test::expect_error([&] { search_in(folder.path() / "other.db", options, 2); }, {"candidate-1", "-o"});
  for (const char* plan : {"rung 0, counts 1, genes 7 9 0 0 0 0 0", "rung 0, counts 1, genes 7 7 0",
                           "rung 99, counts 1, genes 7 7 0 0 0 0 0"}) {
    const TemporaryFolder other;
    study.trials[0].recipe = std::string("# step 0, 6 candidates, ") + plan + "\n";
    open_sqlite(other.path() / "broken.db", true)->add(study, "1");
    test::expect_error([&] { search_in(other.path() / "broken.db", options, 2); }, {"candidate-1", "-o"});
  }
}

TEST(Search, recipes_say_what_the_genes_mean) {
  SearchOptions options = options_of(SearchStrategy::kNsga2);
  const auto parsed = [&](const Plan& plan, MeasuredOn measured_on) {
    return pipeline::parse_recipe(recipe_of(plan, options, measured_on), "the candidate's");
  };
  const pipeline::Recipe recipe = parsed({{3, 7, 1, 0, 1, 3, 1}, 2}, MeasuredOn::kHeldOut);
  EXPECT_TRUE(recipe.held_out);
  const auto& prune = std::get<pipeline::PruneStage>(recipe.stages.at(0)).options;
  EXPECT_EQ(prune.select.layers, (std::map<std::string, double>{{"conv_1", 0.5}}));
  EXPECT_EQ(prune.recovery.value().epochs, 4);
  EXPECT_EQ(prune.recovery.value().distillation.temperature, 4);
  const auto& quantize = std::get<pipeline::QuantizeStage>(recipe.stages.at(1)).options;
  EXPECT_EQ(quantize.post_training.weights.bits, 8);
  EXPECT_EQ(quantize.post_training.weights.layers.at("conv_1").bits, 4);
  EXPECT_EQ(quantize.training.value().epochs, 4);
  EXPECT_TRUE(quantize.distills);
  EXPECT_FALSE(std::get<pipeline::ProfileStage>(recipe.stages.back()).float32);

  // The order: pruned channels recover only while the network is rounded.
  const pipeline::Recipe rounded = parsed({{3, 7, 1, 1, 2, 3, 1}, 1, false}, MeasuredOn::kHeldOut);
  EXPECT_FALSE(std::get<pipeline::PruneStage>(rounded.stages.at(0)).options.recovery);
  EXPECT_EQ(std::get<pipeline::QuantizeStage>(rounded.stages.at(1)).options.post_training.weights.bits, 4);
  EXPECT_EQ(rounded.stages.size(), 2U);

  EXPECT_EQ(describe({3, 7, 1, 0, 1, 3, 1}, options),
            "keeps 4/8 of conv_1, recovers taught at temperature 4; 4 bits in conv_1, else 8; trained again "
            "while rounded, taught");
  EXPECT_EQ(describe({3, 3, 1, 1, 2, 3, 1}, options),
            "keeps 4/8 of every layer; 4 bits; trained while rounded alone");
  EXPECT_EQ(describe({7, 7, 0, 0, 0, 3, 1}, options), "keeps all channels; 8 bits; rounded after training");

  const pipeline::Recipe whole = parsed({{7, 7, 0, 0, 0, 0, 0}, 2}, MeasuredOn::kTest);
  EXPECT_FALSE(whole.held_out);
  EXPECT_EQ(whole.stages.size(), 3U);
  // What all are measured against depends neither on the rung nor on the seed.
  options.seed = 9;
  const pipeline::Recipe other = parsed({{7, 7, 0, 0, 0, 0, 0}, 0}, MeasuredOn::kTest);
  EXPECT_EQ(other.training_part, 1);
  EXPECT_EQ(other.seed, whole.seed);
}

TEST(Search, what_differs_in_genes_without_a_meaning_is_one_candidate) {
  SearchOptions options = options_of(SearchStrategy::kRandom);
  options.groups.clear();
  options.layers = {"dense"};
  // Without pruning no teacher matters but the one while rounded: 2 widths x (1 + 2 + 1) orders.
  options.population = 50;
  EXPECT_EQ(next_generation(options, {}, 0).size(), 8U);
}

TEST(SearchResult, lies_within_a_reference_that_is_the_whole_networks) {
  std::vector<Candidate> found = {point({0.04, 10, 100, 1000}),  // the whole
                                  point({0.05, 5, 50, 500}),     // the knee
                                  point({0.08, 4.9, 49, 490}),   // costs hardly less
                                  point({0.5, 1, 10, 100}),      // on the front, too bad for the box
                                  point({0.05, 5, 50, 500}, 1),  // breaks a limit
                                  point({0.06, 6, 60, 600})};    // is beaten
  const SearchResult result = result_of(found);
  EXPECT_EQ(result.front, (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(result.knee, 1U);
  EXPECT_EQ(result.chosen, 1U);
  EXPECT_EQ(result_of(found, {.error = 1, .latency = 0, .size = 0, .energy = 0}).chosen, 0U);
  EXPECT_EQ(result_of(found, {.error = 0, .latency = 1, .size = 0, .energy = 0}).chosen, 2U);
  const pipeline::Objectives reference = {0.1, 11, 110, 1100};
  for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(result.reference[k], reference[k], 1e-9);
  // The whole network alone takes 0.6 of the error and an eleventh of each cost.
  EXPECT_NEAR(result.hypervolume[0], 0.6 / 11 / 11 / 11, 1e-9);
  EXPECT_GT(result.hypervolume[1], 0.5 * std::pow(6.0 / 11, 3));
  for (size_t i = 3; i < found.size(); ++i) EXPECT_EQ(result.hypervolume[i], result.hypervolume[2]);

  EXPECT_EQ(result_of({point({0.2, 1, 1, 1})}).reference[0], 1.5 * 0.2) << "of one that errs more";
  EXPECT_FALSE(result_of({point({0.2, 1, 1, 1}, 1)}).chosen) << "the only one breaks a limit";
  test::expect_error([&] { result_of({point({})}); }, {"whole network", "thimble check"});
}

}  // namespace
}  // namespace thimble::study
