#include "study/surrogate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "statistics/gaussian_process.h"
#include "study/genes.h"
#include "study/search_result.h"

namespace thimble::study {
namespace {

constexpr size_t kFewest = 10;
constexpr size_t kMostLearned = 400;  // the time grows with the cube of it
constexpr size_t kObjectives = 4;
constexpr double kLeastError = 1e-4;  // whose logarithm is taken
// The middles of a normal distribution's fifths.
constexpr std::array<double, 5> kDeviations = {-1.2816, -0.5244, 0, 0.5244, 1.2816};
// How far apart coordinates lie that matter less than parts, whose range is 1: with these, what was left out
// of 132 measured candidates of pretrained/uci-har.onnx was foretold best.
constexpr double kBits = 0.2;
constexpr double kTeacher = 0.6;
constexpr double kTemperature = 0.2;  // for each doubling

/// What decides the costs.
statistics::Point shape_point(const Meaning& meaning) {
  statistics::Point point;
  for (const int part : meaning.parts) point.push_back((part + 1.0) / kParts);
  for (const int has_few_bits : meaning.has_few_bits) point.push_back(kBits * has_few_bits);
  return point;
}

/// What decides the error: how it trains, besides.
statistics::Point trained_point(const Meaning& meaning, int rung, int rungs) {
  statistics::Point point = shape_point(meaning);
  for (const Order order : {kTrainAgain, kTrainRounded}) point.push_back(meaning.order == order ? 1 : 0);
  point.push_back(meaning.temperature > 0 ? kTeacher : 0);
  point.push_back(meaning.temperature > 0 ? kTemperature * std::log2(meaning.temperature) : 0);
  point.push_back(meaning.teaches_rounded ? kTeacher : 0);
  point.push_back(rungs > 1 && meaning.is_trained ? static_cast<double>(rung) / (rungs - 1) : 1);
  return point;
}

bool is_no_more(const pipeline::Objectives& objectives, const pipeline::Objectives& most) {
  return std::equal(objectives.begin(), objectives.end(), most.begin(), std::less_equal<>());
}

}  // namespace

struct Surrogate::State {
  SearchOptions options;
  pipeline::Objectives reference;
  pipeline::Objectives most;  // the reference, or the budget where it is less
  std::vector<statistics::GaussianProcess> logarithms;
  std::optional<statistics::GaussianProcess> log_energy;  // where the budget limits it
  std::vector<pipeline::Objectives> front;
};

Surrogate::Surrogate(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Surrogate::Surrogate(Surrogate&&) noexcept = default;
Surrogate::~Surrogate() = default;

std::optional<Surrogate> Surrogate::learn(const std::vector<Candidate>& measured,
                                          const SearchOptions& options) {
  if (measured.empty() || measured.front().objectives.empty()) return std::nullopt;
  const auto latest = [&](std::vector<const Candidate*> candidates) {
    // The latest are nearest to what is asked next.
    if (candidates.size() > kMostLearned)
      candidates.erase(candidates.begin(), candidates.end() - static_cast<std::ptrdiff_t>(kMostLearned));
    return candidates;
  };
  std::vector<const Candidate*> all;
  std::vector<const Candidate*> costed;
  double most_error = 0;
  for (const Candidate& candidate : measured) {
    all.push_back(&candidate);
    if (candidate.objectives.empty()) continue;
    costed.push_back(&candidate);
    most_error = std::max(most_error, candidate.objectives[0]);
  }
  if (costed.size() < kFewest) return std::nullopt;
  all = latest(std::move(all));
  costed = latest(std::move(costed));

  auto state = std::make_unique<State>();
  state->options = options;
  state->reference = state->most = reference_point(measured);
  const auto limit = [&](size_t k, const auto& most) {
    if (most) state->most[k] = std::min(state->most[k], static_cast<double>(*most));
  };
  if (options.budget.accuracy) limit(0, std::optional(1 - *options.budget.accuracy));
  limit(1, options.budget.latency_ms);
  limit(2, options.budget.ram_bytes);
  limit(3, options.budget.flash_bytes);

  std::vector<statistics::Point> points;
  std::vector<double> values;
  // What failed errs as much as the worst, so that the search does not go there again.
  for (const Candidate* candidate : all) {
    points.push_back(trained_point(Meaning(candidate->genes, options), candidate->rung, options.rungs));
    const double error = candidate->objectives.empty() ? most_error : candidate->objectives[0];
    values.push_back(std::log(std::max(error, kLeastError)));
  }
  state->logarithms.push_back(statistics::GaussianProcess::fit(points, values));
  points.clear();
  for (const Candidate* candidate : costed) points.push_back(shape_point(Meaning(candidate->genes, options)));
  const auto learn_cost = [&](const auto& cost_of) {
    values.clear();
    for (const Candidate* candidate : costed) values.push_back(std::log(cost_of(*candidate)));
    return statistics::GaussianProcess::fit(points, values);
  };
  for (size_t k = 1; k < kObjectives; ++k)
    state->logarithms.push_back(learn_cost([&](const Candidate& c) { return c.objectives[k]; }));
  if (options.budget.energy_uj &&
      std::ranges::all_of(costed, [](const auto* c) { return c->energy_uj.has_value(); }))
    state->log_energy = learn_cost([](const Candidate& c) { return *c.energy_uj; });

  std::vector<pipeline::Objectives> feasible;
  for (const Candidate& candidate : measured) {
    if (candidate.excess == 0 && !candidate.objectives.empty() &&
        is_no_more(candidate.objectives, state->reference))
      feasible.push_back(candidate.objectives);
  }
  for (const size_t i : pipeline::pareto_front(feasible)) state->front.push_back(feasible[i]);
  return Surrogate(std::move(state));
}

std::vector<size_t> Surrogate::choose(const std::vector<Genes>& genes, size_t most) const {
  const State& s = *state_;
  std::vector<pipeline::Objectives> front = s.front;
  struct Option {
    size_t index = 0;
    pipeline::Objectives expected;
    double error_factor = 1;  // of one deviation
    double gain = 0;
  };
  const auto expected_gain = [&](const Option& option) {
    double sum = 0;
    for (const double deviations : kDeviations) {
      pipeline::Objectives objectives = option.expected;
      objectives[0] *= std::pow(option.error_factor, deviations);
      if (is_no_more(objectives, s.most))
        sum += pipeline::exclusive_hypervolume(objectives, front, s.reference);
    }
    return sum / kDeviations.size();
  };
  std::vector<Option> options;
  for (size_t i = 0; i < genes.size(); ++i) {
    const Meaning meaning(genes[i], s.options);
    const statistics::Point shape = shape_point(meaning);
    if (s.log_energy && std::exp(s.log_energy->mean(shape)) > *s.options.budget.energy_uj) continue;
    const statistics::Prediction error =
        s.logarithms[0].predict(trained_point(meaning, s.options.rungs - 1, s.options.rungs));
    Option option = {.index = i, .expected = {std::exp(error.mean)}};
    option.error_factor = std::exp(std::hypot(error.deviation, s.logarithms[0].noise_deviation()));
    for (size_t k = 1; k < kObjectives; ++k) option.expected.push_back(std::exp(s.logarithms[k].mean(shape)));
    option.gain = expected_gain(option);
    if (option.gain > 0) options.push_back(std::move(option));
  }
  std::vector<size_t> chosen;
  while (chosen.size() < most && !options.empty()) {
    // Gains only fall: one that is the greatest even after it was computed anew is the greatest of all.
    const auto greatest = std::max_element(options.begin(), options.end(),
                                           [](const Option& a, const Option& b) { return a.gain < b.gain; });
    const double before = greatest->gain;
    greatest->gain = expected_gain(*greatest);
    if (greatest->gain < before) {
      if (greatest->gain <= 0) options.erase(greatest);
      continue;
    }
    chosen.push_back(greatest->index);
    // An expected point may lie beyond the reference where only its better end lies within.
    if (is_no_more(greatest->expected, s.reference)) front.push_back(greatest->expected);
    options.erase(greatest);
  }
  return chosen;
}

}  // namespace thimble::study
