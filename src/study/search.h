#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipeline/objective.h"
#include "pipeline/pareto.h"
#include "study/storage.h"

namespace thimble::study {

enum class SearchStrategy { kNsga2, kRandom };

/// Error, latency and flash alike: what a search minimizes beside RAM.
constexpr pipeline::ObjectiveWeights kSearchWeights = {
    .error = 1.0 / 3, .latency = 1.0 / 3, .size = 1.0 / 3, .energy = 0};

// The largest that a search can be asked for.
constexpr int kMostPopulation = 1000;
constexpr int kMostEpochs = 1000;
constexpr int kMostRungs = 5;

/// What a search is asked for.
struct SearchOptions {
  std::string model;  ///< a trained float32 model's path
  std::string data;
  std::string device;
  // A search that goes on goes on with the same.
  std::string model_sha256;
  std::string data_sha256;    ///< of the training split
  std::string device_sha256;  ///< of the profile's values
  pipeline::Budget budget;
  pipeline::ObjectiveWeights weights = kSearchWeights;  ///< of the J by which one of the front is chosen
  SearchStrategy strategy = SearchStrategy::kNsga2;
  uint64_t seed = 1;
  int population = 12;
  int epochs = 4;                   ///< of each training, at the last rung
  int rungs = 1;                    ///< each trains a quarter as long as the next one
  std::vector<std::string> groups;  ///< of the model's channels that can leave, by name
  std::vector<std::string> layers;  ///< of the model's that have weights, by name
  std::string command;              ///< that asked for it; decides nothing
};

constexpr int kParts = 8;

/// A candidate's genes: for each group the eighths (kParts) of its channels that stay less one, for each
/// layer 8 or 4 bits, the order (rounding after training; training once more while rounded; training while
/// rounded alone), the temperature of a teacher while pruned channels recover, and a teacher while what is
/// rounded trains.
using Genes = std::vector<int>;

/// How many values each gene has.
std::vector<int> gene_sizes(const SearchOptions& options);

/// What is to be measured: a network, and how long it trains.
struct Plan {
  Genes genes;
  int rung = 0;
  bool counts = true;  ///< costs are counted; else an earlier plan of the same shape has them
};

enum class MeasuredOn { kHeldOut, kTest };

/// The recipe of a plan.
std::string recipe_of(const Plan& plan, const SearchOptions& options, MeasuredOn measured_on);

/// The genes in words: "keeps 3/8 of conv_0, 2/8 of conv_3; 4 bits in conv_10; ...".
std::string describe(const Genes& genes, const SearchOptions& options);

/// What a plan came to; what failed is infeasible by infinity and has no objectives.
struct Candidate {
  int64_t id = 0;  ///< its trial's
  Genes genes;
  int rung = 0;
  pipeline::Objectives objectives;  ///< error, latency in ms, RAM and flash in bytes
  std::optional<double> energy_uj;
  double excess = 0;        ///< sum over the limits that are missed of how many times too much, less 1
  double costs_excess = 0;  ///< that of costs alone, which no training mends
  std::string error;        ///< of what failed
};

/// Non-dominated ranks from 0 on (Deb et al., "NSGA-II", 2002), with his rule for limits: what keeps them
/// comes before what does not, and of two that do not the one that misses by less.
std::vector<size_t> ranks_of(const std::vector<Candidate>& candidates);

/// The crowding distances of those with these indices, in their order.
std::vector<double> crowding_of(const std::vector<Candidate>& candidates, const std::vector<size_t>& front);

/// The networks of a generation, new ones alone, decided by the seed and by all that came before: the whole
/// network in 8 bits and the smallest in 4 come first; NSGA-II begins with even parts beside them, and from
/// then on a Surrogate chooses among many times as many children. Fewer than asked when hardly any are new.
std::vector<Genes> next_generation(const SearchOptions& options, const std::vector<Candidate>& before,
                                   int generation);

/// The networks that train longer next, on a rung above 0: of all that were measured on the rung below and
/// not yet on this one, and whose costs keep the limits, the best by rank and crowding (successive halving,
/// Jamieson and Talwalkar, AISTATS 2016; over all generations). As many as half a generation, halved again
/// for each rung above the first.
std::vector<Genes> promoted(const SearchOptions& options, const std::vector<Candidate>& before, int rung);

/// Goes on with the search in `storage` until it has `evaluations` candidates or `is_over`; `work` does the
/// trials that are pending there, or those that it has time for. What is there already is not done again, but
/// with `retry` what failed. Returns what was measured, in the order of the trials. Throws Error where
/// another search lies there, or one of another version.
std::vector<Candidate> search(Storage& storage, const SearchOptions& options, std::string_view version,
                              size_t evaluations, const std::function<bool()>& is_over,
                              const std::function<void()>& work, bool retry = false);

/// Whether it is a search that lies there, not a study.
bool is_search(Storage& storage);

/// What the search that lies there was asked for, and what it measured so far. Changes nothing.
struct SearchSoFar {
  SearchOptions options;
  std::vector<Candidate> candidates;
};
SearchSoFar read_search(Storage& storage);

}  // namespace thimble::study
