#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipeline/pareto.h"
#include "study/storage.h"

namespace thimble::study {

enum class SearchStrategy { kNsga2, kRandom };

/// What a search is asked for.
struct SearchOptions {
  std::string model;  ///< a trained float32 model's path
  std::string data;
  std::string device;
  pipeline::Budget budget;
  SearchStrategy strategy = SearchStrategy::kNsga2;
  uint64_t seed = 1;
  int population = 12;
  int epochs = 1;                   ///< of each recovery
  std::vector<std::string> groups;  ///< of the model's channels that can leave, by name
};

/// A candidate's genes: for each group the eighths of its channels that stay less one, then 8 or 4 bits,
/// rounding after or with training, the temperature of a teacher while pruned channels recover, and a teacher
/// while what is rounded trains.
using Genes = std::vector<int>;

/// How many values each gene has.
std::vector<int> gene_sizes(const SearchOptions& options);

/// The recipe of a candidate; `held_out`: measured on people of the training data.
std::string recipe_of(const Genes& genes, const SearchOptions& options, bool held_out);

/// What a candidate came to; what failed is infeasible by infinity and has no objectives.
struct Candidate {
  Genes genes;
  pipeline::Objectives objectives;  ///< error, latency in ms, RAM and flash in bytes
  double excess = 0;  ///< sum over the limits that are missed of how many times too much, less 1
};

/// Non-dominated ranks from 0 on (Deb et al., "NSGA-II", 2002), with his rule for limits: what keeps them
/// comes before what does not, and of two that do not the one that misses by less.
std::vector<size_t> ranks_of(const std::vector<Candidate>& candidates);

/// The crowding distances of those with these indices, in their order.
std::vector<double> crowding_of(const std::vector<Candidate>& candidates, const std::vector<size_t>& front);

/// The candidates of a generation, new ones alone, decided by the seed and by all that came before: the whole
/// network in 8 bits and the smallest in 4 come first. Fewer than asked when hardly any are new.
std::vector<Genes> next_generation(const SearchOptions& options, const std::vector<Candidate>& before,
                                   int generation);

/// Goes on with the search in `storage` until it has `evaluations` candidates or `is_over`; `work` does the
/// trials that are pending there. What is there already is not done again. Returns the trials' candidates.
std::vector<Candidate> search(Storage& storage, const SearchOptions& options, std::string_view version,
                              size_t evaluations, const std::function<bool()>& is_over,
                              const std::function<void()>& work);

/// Whether it is a search that lies there, not a study.
bool is_search(Storage& storage);

/// 10 % error and what the whole network in 8 bits, the first candidate, costs. Throws Error when it failed.
pipeline::Objectives reference_point(const std::vector<Candidate>& candidates);

}  // namespace thimble::study
