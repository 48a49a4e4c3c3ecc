#include "study/search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/toml_table.h"
#include "study/genes.h"
#include "study/surrogate.h"

namespace thimble::study {
namespace {

constexpr std::array<int, 5> kFirstParts = {4, 2, 6, 3, 1};
constexpr int kRungFactor = 4;
constexpr std::chrono::milliseconds kPatience(200);
constexpr double kWidthMoves = 0.25;  // the part of children of whom all parts change together
constexpr int kSurrogateRounds = 3;
constexpr size_t kSurrogateChildren = 10;       // for each place in the next generation, a round
constexpr size_t kMostSurrogateChildren = 400;  // a round
constexpr std::string_view kTextBegins = "search = ";

bool comes_before(const Candidate& a, const Candidate& b) {
  if (a.excess > 0 || b.excess > 0) return a.excess < b.excess;
  return pipeline::dominates(a.objectives, b.objectives);
}

/// What decides a network's costs: what stays of each group, and the layers' bits.
Genes shape_of(const Genes& genes) { return {genes.begin(), genes.end() - 3}; }

/// The costs of a shape are those that were counted first: layers that train differently cost the same.
struct Costs {
  double latency_ms = 0;
  double ram_bytes = 0;
  double flash_bytes = 0;
  std::optional<double> energy_uj;
};
using CostsByShape = std::map<Genes, Costs>;

std::optional<double> figure(const Trial& trial, std::string_view metric) {
  for (const Measurement& m : trial.measurements) {
    if (m.metric == metric && (m.device.empty() == (metric == "accuracy"))) return m.value;
  }
  return std::nullopt;
}

void keep_costs(CostsByShape& costs, const Genes& genes, const Trial& trial) {
  const auto latency = figure(trial, "latency_ms");
  const auto ram = figure(trial, "ram_bytes");
  const auto flash = figure(trial, "flash_bytes");
  if (latency && ram && flash)
    costs.try_emplace(shape_of(genes), Costs{*latency, *ram, *flash, figure(trial, "energy_uj")});
}

Candidate candidate_of(const Plan& plan, const Trial& trial, const CostsByShape& costs_by_shape,
                       const pipeline::Budget& budget) {
  Candidate candidate;
  candidate.id = trial.id;
  candidate.genes = plan.genes;
  candidate.rung = plan.rung;
  const auto accuracy = figure(trial, "accuracy");
  const auto costs = costs_by_shape.find(shape_of(plan.genes));
  if (trial.state != TrialState::kDone || !accuracy || costs == costs_by_shape.end()) {
    candidate.excess = candidate.costs_excess = std::numeric_limits<double>::infinity();
    candidate.error = trial.error;
    for (const Measurement& m : trial.measurements) {
      if (candidate.error.empty() && !m.value) candidate.error = fmt::format("{} {}", m.metric, m.note);
    }
    return candidate;
  }
  const Costs& c = costs->second;
  candidate.objectives = {1 - *accuracy, c.latency_ms, c.ram_bytes, c.flash_bytes};
  candidate.energy_uj = c.energy_uj;
  const auto excess = [](std::optional<double> value, const auto& most) {
    if (!most) return 0.0;
    return value ? std::max(0.0, *value / static_cast<double>(*most) - 1) : 1e9;
  };
  candidate.costs_excess = excess(c.latency_ms, budget.latency_ms) + excess(c.ram_bytes, budget.ram_bytes) +
                           excess(c.flash_bytes, budget.flash_bytes) + excess(c.energy_uj, budget.energy_uj);
  const auto most_error =
      budget.accuracy ? std::optional(std::max(1 - *budget.accuracy, 1e-6)) : std::nullopt;
  candidate.excess = candidate.costs_excess + excess(1 - *accuracy, most_error);
  return candidate;
}

/// Everything that decides a search, so that a file holds one search alone.
std::string text_of(const SearchOptions& o) {
  std::string text = fmt::format(
      "{}\"{}\"\nmodel = {}\ndata = {}\ndevice = {}\nseed = {}\npopulation = {}\nepochs = {}\nrungs = {}\n",
      kTextBegins, o.strategy == SearchStrategy::kNsga2 ? "nsga2" : "random", toml_string(o.model),
      toml_string(o.data), toml_string(o.device), o.seed, o.population, o.epochs, o.rungs);
  if (!o.model_sha256.empty()) text += fmt::format("model_sha256 = \"{}\"\n", o.model_sha256);
  if (!o.data_sha256.empty()) text += fmt::format("data_sha256 = \"{}\"\n", o.data_sha256);
  if (!o.device_sha256.empty()) text += fmt::format("device_sha256 = \"{}\"\n", o.device_sha256);
  const auto add_names = [&](const char* key, const std::vector<std::string>& names) {
    std::vector<std::string> strings;
    for (const std::string& name : names) strings.push_back(toml_string(name));
    if (!strings.empty()) text += fmt::format("{} = [{}]\n", key, fmt::join(strings, ","));
  };
  add_names("groups", o.groups);
  add_names("layers", o.layers);
  if (o.weights != kSearchWeights) {
    text += fmt::format("objective = {{error = {}, latency = {}, size = {}, energy = {}}}\n", o.weights.error,
                        o.weights.latency, o.weights.size, o.weights.energy);
  }
  text += "[budget]\n" + deploy::lines_of(o.budget);
  return text;
}

SearchOptions parse_options(std::string_view text) {
  TomlTable table = TomlTable::parse(text, "The search's text");
  SearchOptions o;
  o.strategy = table.choice("search", {"nsga2", "random"}) == "nsga2" ? SearchStrategy::kNsga2
                                                                      : SearchStrategy::kRandom;
  o.model = table.text("model");
  o.data = table.text("data");
  o.device = table.text("device");
  o.model_sha256 = table.text("model_sha256", "");
  o.data_sha256 = table.text("data_sha256", "");
  o.device_sha256 = table.text("device_sha256", "");
  o.seed = static_cast<uint64_t>(table.integer("seed", 0, std::numeric_limits<int64_t>::max()));
  o.population = static_cast<int>(table.integer("population", 1, kMostPopulation));
  o.epochs = static_cast<int>(table.integer("epochs", 1, kMostEpochs));
  o.rungs = static_cast<int>(table.integer("rungs", 1, kMostRungs));
  if (table.has("groups")) o.groups = table.texts("groups");
  if (table.has("layers")) o.layers = table.texts("layers");
  if (auto weights = table.table("objective")) o.weights = pipeline::parse_weights(std::move(*weights));
  if (auto budget = table.table("budget")) o.budget = deploy::parse_limits(std::move(*budget));
  return o;
}

/// The indices of candidates, best first: by rank, then the least crowded.
std::vector<size_t> best_first(const std::vector<Candidate>& candidates) {
  const std::vector<size_t> ranks = ranks_of(candidates);
  std::vector<double> crowding(candidates.size(), 0);
  for (size_t rank = 0; rank < candidates.size(); ++rank) {
    std::vector<size_t> front;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (ranks[i] == rank && !candidates[i].objectives.empty()) front.push_back(i);
    }
    const std::vector<double> distances = crowding_of(candidates, front);
    for (size_t i = 0; i < front.size(); ++i) crowding[front[i]] = distances[i];
  }
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return ranks[a] != ranks[b] ? ranks[a] < ranks[b] : crowding[a] > crowding[b];
  });
  return order;
}

/// What a search begins with: the whole network in 8 bits, the smallest in 4, and where `even`, networks of
/// even parts between them.
std::vector<Genes> first_networks(const SearchOptions& options, bool even) {
  const auto network = [&](int part, int few_bits, int order) {
    Genes genes(options.groups.size(), part - 1);
    genes.insert(genes.end(), options.layers.size(), few_bits);
    genes.insert(genes.end(), {order, 0, 0});
    return genes;
  };
  std::vector<Genes> networks = {network(kParts, 0, kRoundAfter), network(1, 1, kRoundAfter)};
  for (const int part : even ? std::span<const int>(kFirstParts) : std::span<const int>()) {
    networks.push_back(network(part, 0, kRoundAfter));
    networks.push_back(network(part, 1, kTrainAgain));
  }
  return networks;
}

Genes child_of(const Genes& one, const Genes& other, const std::vector<int>& sizes, size_t groups,
               Random& random) {
  Genes child(sizes.size());
  const auto part = [](int value, int step) { return std::clamp(value + step, 0, kParts - 1); };
  for (size_t i = 0; i < child.size(); ++i) {
    child[i] = random.below(2) == 0 ? one[i] : other[i];
    if (random.uniform() >= 1.5 / static_cast<double>(child.size())) continue;
    // Parts change by a step or two, what has no order to any value.
    child[i] = i < groups ? part(child[i], random.between(-2, 2))
                          : static_cast<int>(random.below(static_cast<uint32_t>(sizes[i])));
  }
  if (random.uniform() < kWidthMoves) {
    const int step = random.below(2) == 0 ? -1 : 1;
    for (size_t i = 0; i < groups; ++i) child[i] = part(child[i], step);
  }
  return child;
}

std::vector<Plan> plans_of(std::vector<Genes> networks, int rung, const CostsByShape& costs) {
  std::vector<Plan> plans;
  for (Genes& genes : networks) {
    const bool counts = !costs.contains(shape_of(genes));
    plans.push_back({std::move(genes), rung, counts});
  }
  return plans;
}

/// The first line of a candidate's recipe: how it was planned, so that no plan is made twice. A step is a
/// rung of a generation, and plans so many candidates.
std::string line_of(const Plan& plan, int step, size_t size) {
  return fmt::format("# step {}, {} candidates, rung {}, counts {}, genes {}\n", step, size, plan.rung,
                     plan.counts ? 1 : 0, fmt::join(plan.genes, " "));
}

Error of_another_version(const Trial& trial) {
  return {"The search",
          fmt::format("was made by another version: its {} is another one", trial.key.technique),
          "Give another folder with -o"};
}

/// The plans of a step, and how many it has in all.
struct StepPlans {
  std::vector<Plan> plans;
  size_t size = std::numeric_limits<size_t>::max();
};

/// Those of a step's plans that lie there, from this trial on. A step that a later one follows at once has
/// none.
StepPlans stored_plans(const std::vector<Trial>& trials, size_t first, int step,
                       const SearchOptions& options) {
  StepPlans stored;
  const std::vector<int> sizes = gene_sizes(options);
  for (size_t i = first; i < trials.size(); ++i) {
    const std::string line = trials[i].recipe.substr(0, trials[i].recipe.find('\n'));
    Plan plan;
    int of_step = -1;
    size_t size = 0;
    int counts = 0;
    int end = 0;
    // NOLINTNEXTLINE(cert-err34-c): what it does not read stays as it cannot be
    std::sscanf(line.c_str(), "# step %d, %zu candidates, rung %d, counts %d, genes%n", &of_step, &size,
                &plan.rung, &counts, &end);
    plan.counts = counts == 1;
    std::istringstream genes(line.substr(static_cast<size_t>(end)));
    for (int gene = 0; genes >> gene;) plan.genes.push_back(gene);
    const bool is_plan =
        end > 0 && of_step >= step && plan.rung == of_step % options.rungs &&
        std::ranges::equal(plan.genes, sizes, [](int gene, int most) { return gene >= 0 && gene < most; });
    if (!is_plan) throw of_another_version(trials[i]);
    if (of_step > step) {
      if (stored.plans.empty()) stored.size = 0;
      break;
    }
    stored.size = size;
    stored.plans.push_back(std::move(plan));
  }
  return stored;
}

}  // namespace

std::vector<int> gene_sizes(const SearchOptions& options) {
  std::vector<int> sizes(options.groups.size(), kParts);
  sizes.insert(sizes.end(), options.layers.size(), 2);
  sizes.insert(sizes.end(), {kOrders, static_cast<int>(kTemperatures.size()), 2});
  return sizes;
}

std::string recipe_of(const Plan& plan, const SearchOptions& options, MeasuredOn measured_on) {
  const Meaning meaning(plan.genes, options);
  const double length = options.epochs / std::pow(kRungFactor, options.rungs - 1 - plan.rung);
  const int epochs = std::max(1, static_cast<int>(std::lround(length)));
  // What does not train is the same for every rung and seed, so that what all are measured against is, too.
  std::string text = fmt::format("name = \"search\"\nmodel = {}\ndata = {}\ndevice = {}\nseed = {}\n",
                                 toml_string(options.model), toml_string(options.data),
                                 toml_string(options.device), meaning.is_trained ? options.seed : 1);
  if (measured_on == MeasuredOn::kHeldOut) text += "held_out = true\n";
  if (meaning.is_trained && length < 1)
    text += fmt::format("training_part = {}\n", std::max(length, 1.0 / 64));

  std::vector<std::string> parts;
  for (size_t g = 0; g < meaning.parts.size(); ++g) {
    if (meaning.parts[g] + 1 == kParts) continue;
    parts.push_back(
        fmt::format("{} = {}", toml_string(options.groups[g]), (meaning.parts[g] + 1.0) / kParts));
  }
  if (!parts.empty()) {
    text += fmt::format("\n[[stage]]\ndo = \"prune\"\ncriterion = \"taylor\"\nlayers = {{{}}}\n",
                        fmt::join(parts, ", "));
    if (meaning.recovers) {
      const std::string teacher =
          meaning.temperature > 0 ? fmt::format(", temperature = {}", meaning.temperature) : "";
      text += fmt::format("distill = {}\nrecovery = {{epochs = {}, batch_size = 64{}}}\n",
                          meaning.temperature > 0, epochs, teacher);
    }
  }

  std::vector<std::string> few_bits;
  for (size_t l = 0; l < meaning.has_few_bits.size(); ++l) {
    if (meaning.has_few_bits[l] == 1)
      few_bits.push_back(fmt::format("{} = 4", toml_string(options.layers[l])));
  }
  const bool all_few = few_bits.size() == options.layers.size();
  text += fmt::format("\n[[stage]]\ndo = \"quantize\"\nbits = {}\n", all_few ? 4 : 8);
  if (!few_bits.empty() && !all_few) text += fmt::format("layer_bits = {{{}}}\n", fmt::join(few_bits, ", "));
  if (meaning.order != kRoundAfter) text += fmt::format("method = \"qat\"\nepochs = {}\n", epochs);
  if (meaning.order == kTrainAgain) text += fmt::format("distill = {}\n", meaning.teaches_rounded);
  // What was just pruned has farther to go than what has recovered.
  if (meaning.order == kTrainRounded) text += "learning_rate = 0.01\n";

  if (plan.counts || measured_on == MeasuredOn::kTest) {
    text += fmt::format("\n[[stage]]\ndo = \"deploy\"\n\n[[stage]]\ndo = \"profile\"\n{}",
                        measured_on == MeasuredOn::kHeldOut ? "float32 = false\n" : "");
  }
  return text;
}

std::string describe(const Genes& genes, const SearchOptions& options) {
  const Meaning meaning(genes, options);
  std::map<int, std::vector<std::string>> groups_of_part;
  for (size_t g = 0; g < meaning.parts.size(); ++g) {
    if (meaning.parts[g] + 1 < kParts) groups_of_part[meaning.parts[g] + 1].push_back(options.groups[g]);
  }
  std::string text = groups_of_part.empty() ? "keeps all channels" : "keeps ";
  const char* comma = "";
  for (const auto& [part, groups] : groups_of_part) {
    text += fmt::format(
        "{}{}/{} of {}", comma, part, kParts,
        groups.size() == options.groups.size() ? "every layer" : fmt::format("{}", fmt::join(groups, " ")));
    comma = ", ";
  }
  if (meaning.recovers) {
    text += meaning.temperature > 0 ? fmt::format(", recovers taught at temperature {}", meaning.temperature)
                                    : ", recovers";
  }
  std::vector<std::string> few_bits;
  for (size_t l = 0; l < meaning.has_few_bits.size(); ++l) {
    if (meaning.has_few_bits[l] == 1) few_bits.push_back(options.layers[l]);
  }
  if (few_bits.empty()) {
    text += "; 8 bits";
  } else if (few_bits.size() == options.layers.size()) {
    text += "; 4 bits";
  } else {
    text += fmt::format("; 4 bits in {}, else 8", fmt::join(few_bits, " "));
  }
  if (meaning.order == kRoundAfter) return text + "; rounded after training";
  if (meaning.order == kTrainRounded) return text + "; trained while rounded alone";
  return text + (meaning.teaches_rounded ? "; trained again while rounded, taught"
                                         : "; trained again while rounded");
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
  // Different genes may say the same recipe: without pruning, no teacher helps it to recover.
  const auto said = [&](const Genes& genes) { return recipe_of({genes}, options, MeasuredOn::kHeldOut); };
  std::set<std::string> seen;
  for (const Candidate& candidate : before) seen.insert(said(candidate.genes));
  std::vector<Genes> next;
  const auto is_full = [&](size_t most) { return next.size() >= most; };
  const auto take = [&](const Genes& genes) {
    if (seen.insert(said(genes)).second) next.push_back(genes);
  };
  const auto population = static_cast<size_t>(options.population);
  const bool is_random = options.strategy == SearchStrategy::kRandom;
  if (before.empty()) {
    for (const Genes& genes : first_networks(options, !is_random)) {
      if (!is_full(population)) take(genes);
    }
  }
  std::vector<Genes> parents;  // the best first
  for (const size_t i : best_first(before)) {
    if (parents.size() < population) parents.push_back(before[i].genes);
  }
  const auto parent = [&]() -> const Genes& {
    const auto draw = [&] { return random.below(static_cast<uint32_t>(parents.size())); };
    return parents[std::min(draw(), draw())];  // a tournament of two: they are sorted
  };
  const auto any = [&](int size) { return static_cast<int>(random.below(static_cast<uint32_t>(size))); };
  const auto fill = [&](size_t most) {
    for (size_t tries = 100 * (most - next.size()); tries > 0 && !is_full(most); --tries) {
      if (is_random || parents.empty()) {
        Genes child(sizes.size());
        std::transform(sizes.begin(), sizes.end(), child.begin(), any);
        take(child);
      } else {
        const Genes& one = parent();
        take(child_of(one, parent(), sizes, options.groups.size(), random));
      }
    }
  };
  const auto surrogate = is_random ? std::nullopt : Surrogate::learn(before, options);
  if (!surrogate) {
    fill(population);
    return next;
  }
  // Most children are only looked at by the surrogate, and those of which it expects most have children
  // again.
  std::vector<Genes> chosen;
  for (int round = 0; round < kSurrogateRounds; ++round) {
    parents.insert(parents.begin(), chosen.begin(), chosen.end());
    const size_t begin = next.size();
    fill(begin + std::min(kSurrogateChildren * population, kMostSurrogateChildren));
    std::vector<Genes> pool = std::move(chosen);
    pool.insert(pool.end(), next.begin() + static_cast<std::ptrdiff_t>(begin), next.end());
    chosen.clear();
    for (const size_t i : surrogate->choose(pool, population)) chosen.push_back(pool[i]);
  }
  for (size_t i = 0; i < next.size() && chosen.size() < population; ++i) {
    if (std::find(chosen.begin(), chosen.end(), next[i]) == chosen.end()) chosen.push_back(next[i]);
  }
  return chosen;
}

std::vector<Genes> promoted(const SearchOptions& options, const std::vector<Candidate>& before, int rung) {
  std::set<Genes> there;
  std::vector<Candidate> below;
  for (const Candidate& candidate : before) {
    if (candidate.rung == rung) there.insert(candidate.genes);
    if (candidate.rung == rung - 1) below.push_back(candidate);
  }
  const size_t most = static_cast<size_t>(std::max(1, options.population >> rung));
  std::vector<Genes> next;
  for (const size_t i : best_first(below)) {
    const Candidate& candidate = below[i];
    if (candidate.costs_excess > 0 || there.contains(candidate.genes) ||
        !Meaning(candidate.genes, options).is_trained)
      continue;
    if (next.size() < most) next.push_back(candidate.genes);
  }
  return next;
}

std::vector<Candidate> search(Storage& storage, const SearchOptions& options, std::string_view version,
                              size_t evaluations, const std::function<bool()>& is_over,
                              const std::function<void()>& work, bool retry) {
  const std::string text = text_of(options);
  if (std::string there = storage.study_text(); !there.empty() && there != text) {
    std::replace(there.begin(), there.end(), '\n', ' ');
    throw Error("The folder", fmt::format("holds another search ({})", there), "Give another one with -o");
  }
  if (const std::string own = storage.version(); !own.empty() && own != version) {
    throw Error("The folder", fmt::format("holds a search by Thimble {}, this is {}", own, version),
                "Give another one with -o");
  }
  if (retry) storage.retry_failed();
  Study study;
  study.name = "search";
  study.text = text;
  study.command = options.command;
  std::vector<Candidate> candidates;
  CostsByShape costs;
  int empty_rungs = 0;
  for (int step = 0; study.trials.size() < evaluations && empty_rungs < options.rungs; ++step) {
    const int rung = step % options.rungs;
    const size_t first = study.trials.size();
    // What an earlier call planned beyond this is there, too; it is taken in only as this one gets to it.
    std::vector<Trial> trials = storage.trials();
    StepPlans step_plans = stored_plans(trials, first, step, options);
    std::vector<Plan>& plans = step_plans.plans;
    if (plans.size() < std::min(step_plans.size, evaluations - first)) {
      std::vector<Plan> planned =
          plans_of(rung == 0 ? next_generation(options, candidates, step / options.rungs)
                             : promoted(options, candidates, rung),
                   rung, costs);
      if (plans.empty()) step_plans.size = planned.size();
      // What lies there stays, though a candidate before it that failed was measured since.
      for (Plan& plan : planned) {
        const auto same = [&](const Plan& other) { return other.genes == plan.genes; };
        if (plans.size() < step_plans.size && std::ranges::none_of(plans, same))
          plans.push_back(std::move(plan));
      }
    }
    empty_rungs = plans.empty() ? empty_rungs + 1 : 0;
    if (plans.empty()) continue;
    plans.resize(std::min(plans.size(), evaluations - first));
    for (const Plan& plan : plans) {
      study.trials.push_back(
          {{fmt::format("candidate-{}", study.trials.size() + 1), options.model, options.data, options.seed},
           line_of(plan, step, step_plans.size) + recipe_of(plan, options, MeasuredOn::kHeldOut)});
    }
    for (size_t i = first; i < std::min(trials.size(), study.trials.size()); ++i) {
      if (trials[i].recipe != study.trials[i].recipe) throw of_another_version(trials[i]);
    }
    const auto is_done = [&] {
      return trials.size() >= study.trials.size() &&
             std::all_of(trials.begin() + static_cast<std::ptrdiff_t>(first),
                         trials.begin() + static_cast<std::ptrdiff_t>(study.trials.size()),
                         [](const Trial& trial) {
                           return trial.state == TrialState::kDone || trial.state == TrialState::kFailed;
                         });
    };
    while (!is_done() && !is_over()) {
      if (trials.size() < study.trials.size()) storage.add(study, version);
      work();
      trials = storage.trials();
      // A worker whose search was killed may still be at one.
      if (!is_done()) std::this_thread::sleep_for(kPatience);
    }
    for (size_t i = 0; i < plans.size() && first + i < trials.size(); ++i)
      keep_costs(costs, plans[i].genes, trials[first + i]);
    for (size_t i = 0; i < plans.size() && first + i < trials.size(); ++i) {
      const Trial& trial = trials[first + i];
      if (trial.state == TrialState::kPending || trial.state == TrialState::kRunning) {
        if (first + i == 0) break;  // which all are measured against
        continue;
      }
      candidates.push_back(candidate_of(plans[i], trial, costs, options.budget));
    }
    // What comes next follows from the whole of it, and all are measured against the first.
    if (!is_done() || candidates.front().objectives.empty()) break;
  }
  return candidates;
}

bool is_search(Storage& storage) { return storage.study_text().starts_with(kTextBegins); }

SearchSoFar read_search(Storage& storage) {
  SearchSoFar so_far;
  so_far.options = parse_options(storage.study_text());
  so_far.candidates = search(
      storage, so_far.options, storage.version(), storage.trials().size(), [] { return true; }, [] {});
  return so_far;
}

}  // namespace thimble::study
