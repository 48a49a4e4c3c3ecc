#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace thimble::pipeline {

/// What a solution comes to in each objective, 2 to 4 of them; less is better in all.
using Objectives = std::vector<double>;

/// Whether `a` is nowhere worse than `b` and somewhere better.
bool dominates(const Objectives& a, const Objectives& b);

/// The indices, rising, of those that no other dominates; of equal ones all.
std::vector<size_t> pareto_front(std::span<const Objectives> points);

/// The volume that the points dominate, up to the reference point, by the exclusive volumes of one point
/// after another (While, Bradstreet and Barone, IEEE Trans. Evolutionary Computation 16, 2012). Points that
/// are not better than the reference in every objective add nothing.
double hypervolume(std::span<const Objectives> points, const Objectives& reference);

/// The volume that `point` dominates and `others` do not, up to the reference point, within which all lie.
double exclusive_hypervolume(const Objectives& point, std::span<const Objectives> others,
                             const Objectives& reference);

/// Of a front, the index of the knee: the point farthest below the hyperplane through the ends of the front,
/// each objective scaled to the front's range (Das, Structural Optimization 18, 1999). Nothing for an empty
/// front.
std::optional<size_t> knee_point(std::span<const Objectives> front);

}  // namespace thimble::pipeline
