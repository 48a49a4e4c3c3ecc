#include "study/search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"

namespace thimble::study {
namespace {

constexpr int kParts = 8;
constexpr std::array<int, 4> kTemperatures = {0, 1, 2, 4};  // 0: no teacher
constexpr double kReferenceError = 0.1;
constexpr std::string_view kTextBegins = "search of ";

bool comes_before(const Candidate& a, const Candidate& b) {
  if (a.excess > 0 || b.excess > 0) return a.excess < b.excess;
  return pipeline::dominates(a.objectives, b.objectives);
}

Candidate candidate_of(Genes genes, const Trial& trial, const pipeline::Budget& budget) {
  Candidate candidate;
  candidate.genes = std::move(genes);
  const auto figure = [&](std::string_view metric) -> std::optional<double> {
    for (const Measurement& m : trial.measurements) {
      if (m.metric == metric && (m.device.empty() == (metric == "accuracy"))) return m.value;
    }
    return std::nullopt;
  };
  const auto limit = [&](std::optional<double> value, std::optional<double> most) {
    if (most) candidate.excess += value ? std::max(0.0, *value / *most - 1) : 1e9;
  };
  const auto accuracy = figure("accuracy");
  const auto latency = figure("latency_ms");
  const auto ram = figure("ram_bytes");
  const auto flash = figure("flash_bytes");
  if (!accuracy || !latency || !ram || !flash) {
    candidate.excess = std::numeric_limits<double>::infinity();
    return candidate;
  }
  candidate.objectives = {1 - *accuracy, *latency, *ram, *flash};
  limit(latency, budget.latency_ms);
  limit(ram, budget.ram_bytes);
  limit(flash, budget.flash_bytes);
  limit(figure("energy_uj"), budget.energy_uj);
  if (budget.accuracy) limit(1 - *accuracy, std::max(1 - *budget.accuracy, 1e-6));
  return candidate;
}

/// Everything that decides a search, so that a file holds one search alone.
std::string text_of(const SearchOptions& o) {
  const auto limit = [](const auto& value) { return value ? fmt::format("{}", *value) : "none"; };
  return fmt::format(
      "{}{} on {} for {}: strategy {}, seed {}, population {}, epochs {}, accuracy {}, ram {}, flash "
      "{}, latency {}, energy {}",
      kTextBegins, o.model, o.data, o.device, o.strategy == SearchStrategy::kNsga2 ? "nsga2" : "random",
      o.seed, o.population, o.epochs, limit(o.budget.accuracy), limit(o.budget.ram_bytes),
      limit(o.budget.flash_bytes), limit(o.budget.latency_ms), limit(o.budget.energy_uj));
}

}  // namespace

std::vector<int> gene_sizes(const SearchOptions& options) {
  std::vector<int> sizes(options.groups.size(), kParts);
  sizes.insert(sizes.end(), {2, 2, static_cast<int>(kTemperatures.size()), 2});
  return sizes;
}

std::string recipe_of(const Genes& genes, const SearchOptions& options, bool held_out) {
  const size_t groups = options.groups.size();
  std::vector<std::string> layers;
  for (size_t g = 0; g < groups; ++g) {
    if (genes[g] + 1 == kParts) continue;
    layers.push_back(fmt::format("\"{}\" = {}", options.groups[g], (genes[g] + 1.0) / kParts));
  }
  std::string text =
      fmt::format("name = \"search\"\nmodel = \"{}\"\ndata = \"{}\"\ndevice = \"{}\"\nseed = {}\n",
                  options.model, options.data, options.device, options.seed);
  if (held_out) text += "held_out = true\n";
  if (!layers.empty()) {
    const int temperature = kTemperatures[static_cast<size_t>(genes[groups + 2])];
    text += fmt::format(
        "\n[[stage]]\ndo = \"prune\"\ncriterion = \"taylor\"\nlayers = {{{}}}\ndistill = {}\n"
        "recovery = {{epochs = {}, batch_size = 64{}}}\n",
        fmt::join(layers, ", "), temperature > 0, options.epochs,
        temperature > 0 ? fmt::format(", temperature = {}", temperature) : "");
  }
  text += fmt::format("\n[[stage]]\ndo = \"quantize\"\nbits = {}\n", genes[groups] == 0 ? 8 : 4);
  if (genes[groups + 1] == 1) {
    text +=
        fmt::format("method = \"qat\"\nepochs = {}\ndistill = {}\n", options.epochs, genes[groups + 3] == 1);
  }
  return text + "\n[[stage]]\ndo = \"deploy\"\n\n[[stage]]\ndo = \"profile\"\n";
}

std::vector<size_t> ranks_of(const std::vector<Candidate>& candidates) {
  std::vector<size_t> ranks(candidates.size());
  std::vector<size_t> left(candidates.size());
  std::iota(left.begin(), left.end(), 0);
  for (size_t rank = 0; !left.empty(); ++rank) {
    std::vector<size_t> behind;
    for (const size_t i : left) {
      const bool beaten = std::any_of(left.begin(), left.end(),
                                      [&](size_t j) { return comes_before(candidates[j], candidates[i]); });
      ranks[i] = rank;
      if (beaten) behind.push_back(i);
    }
    left = std::move(behind);
  }
  return ranks;
}

std::vector<double> crowding_of(const std::vector<Candidate>& candidates, const std::vector<size_t>& front) {
  std::vector<double> distances(front.size(), 0);
  if (front.empty()) return distances;
  for (size_t k = 0; k < candidates[front[0]].objectives.size(); ++k) {
    std::vector<size_t> order(front.size());
    std::iota(order.begin(), order.end(), 0);
    const auto value = [&](size_t i) { return candidates[front[i]].objectives[k]; };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return value(a) < value(b); });
    const double range = value(order.back()) - value(order.front());
    distances[order.front()] = distances[order.back()] = std::numeric_limits<double>::infinity();
    if (!(range > 0)) continue;
    for (size_t i = 1; i + 1 < order.size(); ++i)
      distances[order[i]] += (value(order[i + 1]) - value(order[i - 1])) / range;
  }
  return distances;
}

std::vector<Genes> next_generation(const SearchOptions& options, const std::vector<Candidate>& before,
                                   int generation) {
  const std::vector<int> sizes = gene_sizes(options);
  Random random = Random(options.seed).fork(static_cast<uint64_t>(generation));
  std::set<Genes> seen;
  for (const Candidate& candidate : before) seen.insert(candidate.genes);
  std::vector<Genes> next;
  const auto take = [&](const Genes& genes) {
    if (seen.insert(genes).second) next.push_back(genes);
  };
  if (before.empty()) {
    Genes whole(sizes.size(), 0);
    Genes smallest(sizes.size(), 0);
    std::fill_n(whole.begin(), options.groups.size(), kParts - 1);
    smallest[options.groups.size()] = 1;
    take(whole);
    take(smallest);
  }
  // The parents: the best by rank, then the least crowded.
  std::vector<size_t> parents(before.size());
  std::iota(parents.begin(), parents.end(), 0);
  const std::vector<size_t> ranks = ranks_of(before);
  std::vector<double> crowding(before.size(), 0);
  for (size_t rank = 0; rank < before.size(); ++rank) {
    std::vector<size_t> front;
    for (size_t i = 0; i < before.size(); ++i) {
      if (ranks[i] == rank && !before[i].objectives.empty()) front.push_back(i);
    }
    const std::vector<double> distances = crowding_of(before, front);
    for (size_t i = 0; i < front.size(); ++i) crowding[front[i]] = distances[i];
  }
  const auto fitter = [&](size_t a, size_t b) {
    return ranks[a] != ranks[b] ? ranks[a] < ranks[b] : crowding[a] > crowding[b];
  };
  std::stable_sort(parents.begin(), parents.end(), fitter);
  parents.resize(std::min(parents.size(), static_cast<size_t>(options.population)));

  const auto parent = [&]() -> const Genes& {
    const auto draw = [&] { return random.below(static_cast<uint32_t>(parents.size())); };
    return before[parents[std::min(draw(), draw())]].genes;  // a tournament of two: they are sorted
  };
  const auto any = [&](int size) { return static_cast<int>(random.below(static_cast<uint32_t>(size))); };
  for (int tries = 0; tries < 100 * options.population && std::cmp_less(next.size(), options.population);
       ++tries) {
    Genes child(sizes.size());
    if (options.strategy == SearchStrategy::kRandom || parents.empty()) {
      std::transform(sizes.begin(), sizes.end(), child.begin(), any);
    } else {
      const Genes& one = parent();
      const Genes& other = parent();
      for (size_t i = 0; i < child.size(); ++i) {
        child[i] = random.below(2) == 0 ? one[i] : other[i];
        if (random.uniform() >= 1.5 / static_cast<double>(child.size())) continue;
        // Parts change by a step or two, what has no order to any value.
        child[i] =
            sizes[i] == kParts ? std::clamp(child[i] + random.between(-2, 2), 0, kParts - 1) : any(sizes[i]);
      }
    }
    take(child);
  }
  return next;
}

std::vector<Candidate> search(Storage& storage, const SearchOptions& options, std::string_view version,
                              size_t evaluations, const std::function<bool()>& is_over,
                              const std::function<void()>& work) {
  const std::string text = text_of(options);
  if (const std::string there = storage.study_text(); !there.empty() && there != text) {
    throw Error("The folder", fmt::format("holds another search ({})", there), "Give another one with -o");
  }
  Study study;
  study.name = "search";
  study.text = text;
  std::vector<Candidate> candidates;
  for (int generation = 0; candidates.size() < evaluations && !is_over(); ++generation) {
    std::vector<Genes> next = next_generation(options, candidates, generation);
    if (next.empty()) break;
    next.resize(std::min(next.size(), evaluations - candidates.size()));
    for (const Genes& genes : next) {
      study.trials.push_back(
          {{fmt::format("candidate-{}", study.trials.size() + 1), options.model, options.data, options.seed},
           recipe_of(genes, options, true)});
    }
    // What an earlier call planned beyond this is there, too; it is taken in only as this one gets to it.
    const size_t there = storage.trials().size();
    if (there < study.trials.size()) storage.add(study, version);
    work();
    const std::vector<Trial> trials = storage.trials();
    for (size_t i = 0; i < next.size(); ++i) {
      const Trial& trial = trials.at(candidates.size());
      candidates.push_back(candidate_of(next[i], trial, options.budget));
    }
  }
  return candidates;
}

bool is_search(Storage& storage) { return storage.study_text().starts_with(kTextBegins); }

pipeline::Objectives reference_point(const std::vector<Candidate>& candidates) {
  if (candidates.empty() || candidates.front().objectives.empty()) {
    throw Error("The search", "could not measure the whole network in 8 bits",
                "See what \"thimble check MODEL --device NAME\" says of it");
  }
  pipeline::Objectives reference = candidates.front().objectives;
  reference[0] = kReferenceError;
  return reference;
}

}  // namespace thimble::study
