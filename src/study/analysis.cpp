#include "study/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "pipeline/pareto.h"
#include "statistics/anova.h"
#include "statistics/assumptions.h"
#include "statistics/comparisons.h"
#include "statistics/effect_size.h"
#include "statistics/friedman.h"

namespace thimble::study {
namespace {

using nlohmann::json;
using statistics::Group;
using statistics::Observation;
using statistics::Outcome;

constexpr const char* kAccuracy = "accuracy";
constexpr double kSignificant = 0.05;

/// A network on a data set.
struct Place {
  std::string network;
  std::string data;
  auto operator<=>(const Place&) const = default;
};

std::string p_text(double p) { return p < 0.0001 ? "p < 0.0001" : fmt::format("p = {:.4f}", p); }

/// Values in the order in which they came, by names in the order in which those came.
template <typename Key, typename Value>
Value& entry(std::vector<std::pair<Key, Value>>& entries, const Key& key) {
  const auto place =
      std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == key; });
  return place != entries.end() ? place->second : entries.emplace_back(key, Value{}).second;
}

struct Accuracies {
  std::vector<Group> techniques;
  std::vector<Observation> by_seed;  ///< technique, seed
};

void add(Accuracies& accuracies, const TrialKey& key, double value) {
  auto group = std::find_if(accuracies.techniques.begin(), accuracies.techniques.end(),
                            [&](const Group& g) { return g.name == key.technique; });
  if (group == accuracies.techniques.end()) {
    group = accuracies.techniques.insert(group, {key.technique, {}});
  }
  group->values.push_back(value);
  accuracies.by_seed.push_back({key.technique, std::to_string(key.seed), value});
}

json anova_json(const Outcome<statistics::AnovaTable>& table, const std::string& what) {
  if (!table) return {{"why", table.why()}};
  json rows = json::array();
  std::string sentence;
  for (const statistics::AnovaRow& row : table->effects) {
    rows.push_back({{"source", row.source},
                    {"sum_of_squares", row.sum_of_squares},
                    {"df", row.df},
                    {"mean_square", row.mean_square},
                    {"f", row.f},
                    {"p", row.p},
                    {"eta_squared", row.eta_squared},
                    {"partial_eta_squared", row.partial_eta_squared},
                    {"omega_squared", row.omega_squared},
                    {"partial_omega_squared", row.partial_omega_squared}});
    sentence += fmt::format(
        "{}{} {} with {} (F({}, {}) = {:.2f}, {}), and accounts for {:.0f} % of what varies.",
        sentence.empty() ? "" : " ", what, row.p < kSignificant ? "differs" : "is not shown to differ",
        row.source, row.df, table->residual_df, row.f, p_text(row.p), 100 * row.eta_squared);
  }
  rows.push_back({{"source", "residuals"},
                  {"sum_of_squares", table->residual_sum_of_squares},
                  {"df", table->residual_df},
                  {"mean_square", table->residual_mean_square}});
  return {{"rows", rows}, {"sentence", sentence}};
}

json pairs_json(const Outcome<std::vector<statistics::Comparison>>& pairs, size_t groups,
                const std::string& method) {
  if (!pairs) return {{"method", method}, {"why", pairs.why()}};
  const bool has_all = pairs->size() == groups * (groups - 1) / 2;
  json rows = json::array();
  std::string differing;
  for (const statistics::Comparison& pair : *pairs) {
    rows.push_back({{"first", pair.first},
                    {"second", pair.second},
                    {"difference", pair.difference},
                    {"low", pair.interval.low},
                    {"high", pair.interval.high},
                    {"p", pair.p}});
    if (pair.p < kSignificant) {
      differing += fmt::format("{}{} and {} ({})", differing.empty() ? "" : "; ", pair.first, pair.second,
                               p_text(pair.p));
    }
  }
  return {
      {"method", method},
      {"rows", rows},
      {"sentence", (differing.empty() ? method + " shows no pair to differ."
                                      : method + ": these differ: " + differing + ".") +
                       (has_all ? "" : " Pairs of which neither varies with the seed are not compared.")}};
}

json tests_json(const Accuracies& accuracies, const std::string& baseline) {
  json tests;
  const auto anova = statistics::one_way_anova(accuracies.techniques, "technique");
  tests["anova"] = anova_json(anova, "Accuracy");
  const auto blocked = statistics::blocked_anova(accuracies.by_seed, "technique", "seed");
  tests["blocked"] = anova_json(blocked, "Accuracy");

  const auto welch = statistics::welch_anova(accuracies.techniques);
  tests["welch"] =
      welch ? json{{"f", welch->f},
                   {"df1", welch->df1},
                   {"df2", welch->df2},
                   {"p", welch->p},
                   {"sentence", fmt::format("Without the assumption of equal variances, accuracy {} with "
                                            "technique (Welch's F({:.0f}, {:.2f}) = {:.2f}, {}).",
                                            welch->p < kSignificant ? "differs" : "is not shown to differ",
                                            welch->df1, welch->df2, welch->f, p_text(welch->p))}}
            : json{{"why", welch.why()}};
  const auto levene = statistics::levene(accuracies.techniques);
  const bool unequal = levene && levene->p < kSignificant;
  tests["levene"] =
      levene ? json{{"f", levene->f},
                    {"p", levene->p},
                    {"sentence", fmt::format("The techniques' variances {} (Levene about medians, {}).",
                                             unequal ? "differ: rather believe Welch and Games-Howell"
                                                     : "are not shown to differ",
                                             p_text(levene->p))}}
             : json{{"why", levene.why()}};
  // Of the model that pairs are compared by.
  const bool in_blocks = blocked && !unequal;
  const auto normal = in_blocks ? statistics::shapiro_wilk(blocked->residuals)
                      : anova
                          ? statistics::shapiro_wilk(anova->residuals)
                          : Outcome<statistics::ShapiroWilk>(statistics::CannotBeHad{"there is no ANOVA"});
  tests["shapiro_wilk"] =
      normal ? json{{"w", normal->w},
                    {"p", normal->p},
                    {"sentence",
                     fmt::format("The residuals of the {} {} normal (Shapiro-Wilk, {}).",
                                 in_blocks ? "ANOVA in blocks" : "one-way ANOVA",
                                 normal->p < kSignificant ? "are not" : "are not shown to be other than",
                                 p_text(normal->p))}}
             : json{{"why", normal.why()}};
  const size_t count = accuracies.techniques.size();
  if (unequal) {
    tests["pairs"] = pairs_json(statistics::games_howell(accuracies.techniques), count, "Games-Howell");
  } else if (in_blocks) {
    // Trials of one seed mostly begin with the same network: what they share is no error between them.
    tests["pairs"] = pairs_json(
        statistics::tukey_hsd(accuracies.techniques, {blocked->residual_mean_square, blocked->residual_df}),
        count, "Tukey's HSD in blocks of a seed");
  } else if (anova) {
    tests["pairs"] = pairs_json(
        statistics::tukey_hsd(accuracies.techniques, {anova->residual_mean_square, anova->residual_df}),
        count, "Tukey's HSD");
  } else {
    tests["pairs"] = {{"why", anova.why()}};
  }

  tests["effects"] = json::array();
  const auto own = std::find_if(accuracies.techniques.begin(), accuracies.techniques.end(),
                                [&](const Group& g) { return g.name == baseline; });
  for (const Group& group : accuracies.techniques) {
    if (own == accuracies.techniques.end() || group.name == baseline) continue;
    const auto d = statistics::cohens_d(group, *own, Random(1));
    tests["effects"].push_back(d ? json{{"technique", group.name},
                                        {"d", d->d},
                                        {"bootstrap", {d->bootstrap.low, d->bootstrap.high}},
                                        {"exact", {d->exact.low, d->exact.high}}}
                                 : json{{"technique", group.name}, {"why", d.why()}});
  }
  return tests;
}

json friedman_json(const std::vector<std::pair<Place, Accuracies>>& places) {
  std::set<std::string> names;
  for (const auto& [place, accuracies] : places) {
    for (const Group& group : accuracies.techniques) names.insert(group.name);
  }
  // Ranks compare techniques within a place: one that lacks a technique ranks nothing.
  std::vector<Group> techniques;
  size_t whole_places = 0;
  for (const auto& [place, accuracies] : places) {
    if (accuracies.techniques.size() != names.size()) continue;
    ++whole_places;
    for (const Group& group : accuracies.techniques) {
      auto own = std::find_if(techniques.begin(), techniques.end(),
                              [&](const Group& g) { return g.name == group.name; });
      if (own == techniques.end()) own = techniques.insert(own, {group.name, {}});
      own->values.push_back(statistics::mean(group.values));
    }
  }
  const auto result = statistics::friedman(techniques);
  if (!result) return {{"why", result.why()}};
  json document = pairs_json(result->pairs, techniques.size(), "Nemenyi");
  document["chi_squared"] = result->chi_squared;
  document["df"] = result->df;
  document["p"] = result->p;
  document["critical_difference"] = result->critical_difference;
  for (size_t i = 0; i < techniques.size(); ++i) {
    document["mean_ranks"].push_back({{"technique", techniques[i].name}, {"rank", result->mean_ranks[i]}});
  }
  document["sentence"] =
      fmt::format("By ranks over {} networks and data sets, techniques {} (Friedman, {}). {}", whole_places,
                  result->p < kSignificant ? "differ" : "are not shown to differ", p_text(result->p),
                  document["sentence"].get<std::string>());
  return document;
}

/// A trial's figures by metric and device.
using Figures = std::map<std::pair<std::string, std::string>, double>;

/// How many times the baseline's figures of the same seed those of each technique are.
json against_json(const Study& study, const std::vector<Trial>& trials) {
  std::map<TrialKey, Figures> figures;
  for (const Trial& trial : trials) {
    if (trial.state != TrialState::kDone) continue;
    for (const Measurement& m : trial.measurements) {
      if (m.value) figures[trial.key][{m.metric, m.device}] = *m.value;
    }
  }
  using RowKey = std::tuple<std::string, std::string, std::string, std::string>;  // network .. device
  std::vector<std::pair<RowKey, std::map<std::string, std::vector<double>>>> rows;
  for (const Trial& trial : trials) {
    TrialKey of_baseline = trial.key;
    of_baseline.technique = study.baseline;
    const auto own = figures.find(trial.key);
    const auto base = figures.find(of_baseline);
    if (own == figures.end() || base == figures.end()) continue;
    for (const std::string& device : study.devices) {
      auto& row = entry(rows, RowKey{trial.key.network, trial.key.data, trial.key.technique, device});
      for (const auto& [key, value] : own->second) {
        if (key.second != device && key.first != kAccuracy) continue;
        const auto other = base->second.find(key);
        if (other != base->second.end() && other->second > 0) row[key.first].push_back(value / other->second);
      }
    }
  }
  json document = json::array();
  for (const auto& [key, ratios] : rows) {
    const auto& [network, data, technique, device] = key;
    json row = {{"network", network}, {"data", data}, {"technique", technique}, {"device", device}};
    for (const auto& [metric, values] : ratios) {
      row[metric] = statistics::mean(values);
      if (metric == kAccuracy) row["seeds"] = values.size();
    }
    document.push_back(std::move(row));
  }
  return document;
}

json fronts_json(const std::map<std::tuple<Place, std::string, std::string>, pipeline::Costs>& costs,
                 const json& against, const std::string& baseline) {
  std::vector<
      std::pair<std::pair<Place, std::string>, std::vector<std::pair<std::string, pipeline::Objectives>>>>
      places;
  for (const json& row : against) {
    const Place place{row.at("network"), row.at("data")};
    const std::string device = row.at("device");
    const std::string technique = row.at("technique");
    const auto own = costs.find({place, technique, device});
    const auto base = costs.find({place, baseline, device});
    if (!row.contains("latency_ms") || !row.contains("weights_bytes") || own == costs.end() ||
        base == costs.end() || !own->second.accuracy || !base->second.accuracy ||
        !(*base->second.accuracy < 1.0)) {
      continue;
    }
    entry(places, std::pair(place, device))
        .push_back({technique,
                    {(1 - *own->second.accuracy) / (1 - *base->second.accuracy), row.at("latency_ms"),
                     row.at("weights_bytes")}});
  }
  const pipeline::Objectives reference = {2, 1, 1};
  json document = json::array();
  for (const auto& [key, techniques] : places) {
    std::vector<pipeline::Objectives> points;
    for (const auto& [name, point] : techniques) points.push_back(point);
    json front = json::array();
    for (const size_t i : pipeline::pareto_front(points)) front.push_back(techniques[i].first);
    document.push_back({{"network", key.first.network},
                        {"data", key.first.data},
                        {"device", key.second},
                        {"front", front},
                        {"hypervolume", pipeline::hypervolume(points, reference) / 2}});
  }
  return document;
}

/// What to take: of the techniques that are not shown to be less accurate than the most accurate one, the one
/// with the least J on the study's first device.
json advice_json(const json& tests, const Accuracies& accuracies, const json& objective, const json& against,
                 const std::string& device) {
  if (tests.at("pairs").contains("why")) return {{"why", tests["pairs"]["why"]}};
  const auto best = std::max_element(
      accuracies.techniques.begin(), accuracies.techniques.end(),
      [](const Group& a, const Group& b) { return statistics::mean(a.values) < statistics::mean(b.values); });
  const auto accuracy_of = [&](const std::string& technique) {
    const auto own = std::ranges::find(accuracies.techniques, technique, &Group::name);
    return own == accuracies.techniques.end() ? 0.0 : statistics::mean(own->values);
  };
  const auto p_against_best = [&](const std::string& technique) {
    for (const json& pair : tests["pairs"]["rows"]) {
      const std::string first = pair.at("first");
      const std::string second = pair.at("second");
      if ((first == technique && second == best->name) || (second == technique && first == best->name))
        return pair.at("p").get<double>();
    }
    // Neither varies: what they differ by is no chance.
    return accuracy_of(technique) < accuracy_of(best->name) ? 0.0 : 1.0;
  };
  const auto here = [&](const json& row) {
    return row.at("network") == tests.at("network") && row.at("data") == tests.at("data") &&
           row.at("device") == device;
  };
  const json* chosen = nullptr;
  std::string worse;
  bool has_objective = false;
  bool keeps_limits = false;
  for (const json& row : objective) {
    if (!here(row)) continue;
    const std::string technique = row.at("technique");
    const bool has_own = row.at("value").is_number();
    has_objective |= has_own;
    keeps_limits |= has_own && row.at("broken").empty();
    if (p_against_best(technique) < kSignificant) {
      worse += (worse.empty() ? "" : ", ") + technique;
    } else if (has_own && row.at("broken").empty() &&
               (chosen == nullptr || row["value"] < (*chosen)["value"])) {
      chosen = &row;
    }
  }
  if (chosen == nullptr) {
    return {{"why", !has_objective  ? "cannot be had, because no technique has all figures of J"
                    : !keeps_limits ? "cannot be given, because no technique keeps the budget on " + device
                                    : "cannot be given, because each technique that keeps the budget on " +
                                          device + " is shown to be less accurate than " + best->name}};
  }
  const std::string technique = (*chosen)["technique"];
  std::string sentence =
      fmt::format("Take {}: {}, and its J on {} is the least of those ({:.3f}).", technique,
                  technique == best->name
                      ? std::string("it is the most accurate")
                      : fmt::format("it is not shown to be less accurate than {}, the most accurate ({})",
                                    best->name, p_text(p_against_best(technique))),
                  device, (*chosen)["value"].get<double>());
  for (const json& row : against) {
    if (!here(row) || row.at("technique") != technique) continue;
    std::string changes;
    for (const auto& [metric, word] : {std::pair("weights_bytes", "weights"),
                                       {"latency_ms", "latency"},
                                       {"energy_uj", "energy"},
                                       {"ram_bytes", "RAM"}}) {
      if (!row.contains(metric)) continue;
      changes += fmt::format("{}{} {:+.1f} %", changes.empty() ? "" : ", ", word,
                             100 * (row[metric].get<double>() - 1));
    }
    if (!changes.empty()) sentence += fmt::format(" Against the baseline: {}.", changes);
  }
  if (!worse.empty()) sentence += fmt::format(" Shown to be less accurate: {}.", worse);
  return {{"technique", technique}, {"sentence", sentence}};
}

}  // namespace

nlohmann::json analyse(const Study& study, const std::vector<Trial>& trials) {
  using CellKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  struct Cell {
    std::vector<double> values;
    std::string note;
  };
  std::vector<std::pair<CellKey, Cell>> cells;
  std::vector<std::pair<Place, Accuracies>> places;
  std::vector<Observation> by_network;
  json document = {{"name", study.name}, {"baseline", study.baseline}};
  json& counts = document["trials"] = {{"done", 0}, {"open", 0}, {"failed", json::array()}};
  for (const Trial& trial : trials) {
    if (trial.state == TrialState::kFailed) {
      counts["failed"].push_back({{"trial", to_string(trial.key)}, {"error", trial.error}});
    }
    if (trial.state != TrialState::kDone) {
      if (trial.state != TrialState::kFailed) counts["open"] = counts["open"].get<int>() + 1;
      continue;
    }
    counts["done"] = counts["done"].get<int>() + 1;
    for (const Measurement& m : trial.measurements) {
      Cell& cell =
          entry(cells, CellKey{trial.key.network, trial.key.data, trial.key.technique, m.metric, m.device});
      cell.note = m.note;
      if (!m.value) continue;
      cell.values.push_back(*m.value);
      if (m.metric != kAccuracy) continue;
      add(entry(places, Place{trial.key.network, trial.key.data}), trial.key, *m.value);
      by_network.push_back({trial.key.technique, trial.key.network + " on " + trial.key.data, *m.value});
    }
  }

  std::map<std::tuple<Place, std::string, std::string>, pipeline::Costs> costs;  // place, technique, device
  document["cells"] = json::array();
  for (const auto& [key, cell] : cells) {
    const auto& [network, data, technique, metric, device] = key;
    json row = {{"network", network}, {"data", data},     {"technique", technique},
                {"metric", metric},   {"device", device}, {"values", cell.values}};
    if (!cell.note.empty()) row[cell.values.empty() ? "why_missing" : "basis"] = cell.note;
    if (!cell.values.empty()) row["mean"] = statistics::mean(cell.values);
    const auto description = statistics::describe(cell.values);
    if (description) {
      row["deviation"] = description->deviation;
      row["low"] = description->interval.low;
      row["high"] = description->interval.high;
    } else {
      row["why"] = "The interval " + description.why();
    }
    document["cells"].push_back(std::move(row));
    if (cell.values.empty()) continue;
    const double mean = statistics::mean(cell.values);
    for (const std::string& target : study.devices) {
      pipeline::Costs& own = costs[{Place{network, data}, technique, target}];
      if (metric == kAccuracy) own.accuracy = mean;
      if (device != target) continue;
      if (metric == "latency_ms") own.latency_ms = mean;
      if (metric == "energy_uj") own.energy_uj = mean;
      if (metric == "ram_bytes") own.ram_bytes = mean;
      if (metric == "flash_bytes") own.flash_bytes = mean;
    }
  }

  document["tests"] = json::array();
  for (const auto& [place, accuracies] : places) {
    json tests = tests_json(accuracies, study.baseline);
    tests["network"] = place.network;
    tests["data"] = place.data;
    document["tests"].push_back(std::move(tests));
  }
  document["across"] = {{"anova", anova_json(statistics::two_way_anova(by_network, "technique", "network",
                                                                       statistics::SumsOfSquares::kTypeII),
                                             "Accuracy")},
                        {"friedman", friedman_json(places)}};
  document["objective"] = json::array();
  for (const auto& [key, own] : costs) {
    const auto& [place, technique, device] = key;
    const auto baseline = costs.find({place, study.baseline, device});
    const pipeline::Objective j = pipeline::objective(
        own, baseline == costs.end() ? pipeline::Costs{} : baseline->second, study.weights, study.budget);
    json row = {{"network", place.network}, {"data", place.data}, {"technique", technique},
                {"device", device},         {"value", nullptr},   {"broken", j.broken}};
    if (j.value) row["value"] = *j.value;
    if (!j.why.empty()) row["why"] = j.why;
    document["objective"].push_back(std::move(row));
  }
  document["against"] = against_json(study, trials);
  document["fronts"] = fronts_json(costs, document["against"], study.baseline);
  document["advice"] = json::array();
  for (size_t i = 0; i < places.size(); ++i) {
    json advice = advice_json(document["tests"][i], places[i].second, document["objective"],
                              document["against"], study.devices.front());
    advice["network"] = places[i].first.network;
    advice["data"] = places[i].first.data;
    document["advice"].push_back(std::move(advice));
  }
  return document;
}

}  // namespace thimble::study
