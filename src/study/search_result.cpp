#include "study/search_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"
#include "pipeline/objective.h"

namespace thimble::study {
namespace {

constexpr double kReferenceError = 0.1;
constexpr double kReferenceErrorFactor = 1.5;
constexpr double kReferenceCosts = 1.1;

pipeline::Costs costs_of(const Candidate& candidate) {
  const pipeline::Objectives& o = candidate.objectives;
  return {.accuracy = 1 - o[0],
          .latency_ms = o[1],
          .energy_uj = candidate.energy_uj,
          .ram_bytes = o[2],
          .flash_bytes = o[3]};
}

bool is_within(const pipeline::Objectives& point, const pipeline::Objectives& reference) {
  return std::equal(point.begin(), point.end(), reference.begin(), std::less<>());
}

/// A front that grows point by point, with its hypervolume.
class GrowingFront {
 public:
  explicit GrowingFront(pipeline::Objectives reference) : reference_(std::move(reference)) {
    for (const double side : reference_) box_ *= side;
  }

  double add(const pipeline::Objectives& point) {
    const auto no_worse = [&](const pipeline::Objectives& other) {
      return other == point || pipeline::dominates(other, point);
    };
    if (!is_within(point, reference_) || std::any_of(points_.begin(), points_.end(), no_worse)) return part_;
    std::erase_if(points_, [&](const auto& other) { return pipeline::dominates(point, other); });
    points_.push_back(point);
    return part_ = pipeline::hypervolume(points_, reference_) / box_;
  }

  double part() const { return part_; }

 private:
  pipeline::Objectives reference_;
  std::vector<pipeline::Objectives> points_;
  double box_ = 1;
  double part_ = 0;
};

}  // namespace

pipeline::Objectives reference_point(const std::vector<Candidate>& candidates) {
  if (candidates.empty()) {
    throw Error("The search", "has not measured the whole network in 8 bits yet",
                "Wait for its first candidate, or go on with it");
  }
  if (candidates.front().objectives.empty()) {
    throw Error("The search",
                fmt::format("could not measure the whole network in 8 bits ({})", candidates.front().error),
                "Mend the cause (\"thimble check MODEL --device NAME\" says what cannot run there) and go on "
                "with --retry");
  }
  pipeline::Objectives reference = candidates.front().objectives;
  reference[0] = std::max(kReferenceError, kReferenceErrorFactor * reference[0]);
  for (size_t k = 1; k < reference.size(); ++k) reference[k] *= kReferenceCosts;
  return reference;
}

SearchResult result_of(const std::vector<Candidate>& candidates, const pipeline::ObjectiveWeights& weights) {
  SearchResult result;
  result.reference = reference_point(candidates);
  GrowingFront growing(result.reference);
  std::vector<pipeline::Objectives> points;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].excess == 0) {
      result.feasible.push_back(i);
      points.push_back(candidates[i].objectives);
      growing.add(points.back());
    }
    result.hypervolume.push_back(growing.part());
  }
  std::vector<size_t> within;  // places on the front
  std::vector<pipeline::Objectives> points_within;
  std::set<pipeline::Objectives> seen;
  for (const size_t place : pipeline::pareto_front(points)) {
    if (!seen.insert(points[place]).second) continue;
    const Candidate& candidate = candidates[result.feasible[place]];
    if (is_within(points[place], result.reference)) {
      within.push_back(result.front.size());
      points_within.push_back(points[place]);
    }
    result.front.push_back(result.feasible[place]);
    result.objective.push_back(
        pipeline::objective(costs_of(candidate), costs_of(candidates.front()), weights, {}).value);
  }
  if (const auto knee = pipeline::knee_point(points_within)) result.knee = result.front[within[*knee]];
  if (within.empty()) {
    within.resize(result.front.size());
    std::iota(within.begin(), within.end(), 0);
  }
  const auto value = [&](size_t place) {
    return result.objective[place].value_or(std::numeric_limits<double>::infinity());
  };
  const auto least =
      std::min_element(within.begin(), within.end(), [&](size_t a, size_t b) { return value(a) < value(b); });
  if (least != within.end()) result.chosen = result.front[*least];
  return result;
}

}  // namespace thimble::study
