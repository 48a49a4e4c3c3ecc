#include "pipeline/pareto.h"

#include <algorithm>
#include <limits>

namespace thimble::pipeline {
namespace {

double box(const Objectives& point, const Objectives& reference) {
  double volume = 1;
  for (size_t i = 0; i < point.size(); ++i) volume *= reference[i] - point[i];
  return volume;
}

double volume_of(std::vector<Objectives> points, const Objectives& reference) {
  double volume = 0;
  while (!points.empty()) {
    const Objectives point = std::move(points.back());
    points.pop_back();
    volume += exclusive_hypervolume(point, points, reference);
  }
  return volume;
}

}  // namespace

bool dominates(const Objectives& a, const Objectives& b) {
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<size_t> pareto_front(std::span<const Objectives> points) {
  std::vector<size_t> front;
  for (size_t i = 0; i < points.size(); ++i) {
    if (std::none_of(points.begin(), points.end(),
                     [&](const auto& other) { return dominates(other, points[i]); })) {
      front.push_back(i);
    }
  }
  return front;
}

double hypervolume(std::span<const Objectives> points, const Objectives& reference) {
  std::vector<Objectives> inside;
  for (const size_t i : pareto_front(points)) {
    const bool better = std::equal(points[i].begin(), points[i].end(), reference.begin(), std::less<>());
    if (better) inside.push_back(points[i]);
  }
  return volume_of(std::move(inside), reference);
}

double exclusive_hypervolume(const Objectives& point, std::span<const Objectives> others,
                             const Objectives& reference) {
  // Its box less what the others dominate of it.
  std::vector<Objectives> limited;
  for (Objectives other : others) {
    std::transform(other.begin(), other.end(), point.begin(), other.begin(),
                   [](double a, double b) { return std::max(a, b); });
    limited.push_back(std::move(other));
  }
  std::vector<Objectives> front;
  for (size_t i = 0; i < limited.size(); ++i) {
    const bool needless = std::any_of(limited.begin(), limited.end(), [&](const Objectives& other) {
      return dominates(other, limited[i]) || (other == limited[i] && &other < &limited[i]);
    });
    if (!needless) front.push_back(limited[i]);
  }
  return box(point, reference) - volume_of(std::move(front), reference);
}

std::optional<size_t> knee_point(std::span<const Objectives> front) {
  if (front.empty()) return std::nullopt;
  std::vector<double> scaled(front.size(),
                             0);  // sums of the scaled objectives: distances from the hyperplane
  for (size_t objective = 0; objective < front[0].size(); ++objective) {
    const auto [least, most] =
        std::minmax_element(front.begin(), front.end(),
                            [&](const auto& a, const auto& b) { return a[objective] < b[objective]; });
    const double low = (*least)[objective];
    const double range = (*most)[objective] - low;
    if (!(range > 0)) continue;
    for (size_t i = 0; i < front.size(); ++i) scaled[i] += (front[i][objective] - low) / range;
  }
  return static_cast<size_t>(std::min_element(scaled.begin(), scaled.end()) - scaled.begin());
}

}  // namespace thimble::pipeline
