#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

#include "graph/channel_groups.h"
#include "graph/graph.h"

namespace thimble::prune {

/// A tensor that holds something of each channel along an axis.
struct Place {
  TensorId tensor = kNoTensor;
  int32_t axis = 0;
  auto operator<=>(const Place&) const = default;
};

/// What a graph's layers hold of channels.
struct Places {
  std::set<Place> filters;  ///< weights that compute them
  std::set<Place> biases;
  std::set<Place> gammas;
  std::set<Place> betas;
  std::set<Place> readers;  ///< weights of the layers that sum over them
};
Places find_places(const Graph& graph);

/// Calls f(element) for the elements of a tensor at one index along an axis.
template <typename F>
void for_each_element(const Shape& shape, const ChannelSlot& slot, const F& f) {
  size_t inner = 1;
  for (size_t axis = static_cast<size_t>(slot.axis) + 1; axis < shape.size(); ++axis) {
    inner *= static_cast<size_t>(shape[axis]);
  }
  const size_t row = inner * static_cast<size_t>(shape[static_cast<size_t>(slot.axis)]);
  const size_t elements = element_count(shape);
  for (size_t outer = static_cast<size_t>(slot.index) * inner; outer < elements; outer += row) {
    for (size_t i = 0; i < inner; ++i) f(outer + i);
  }
}

}  // namespace thimble::prune
