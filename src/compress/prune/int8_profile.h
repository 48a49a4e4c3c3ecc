#pragma once

#include "data/dataset.h"
#include "deploy/profile.h"
#include "device/profile.h"
#include "graph/graph.h"

namespace thimble::prune {

/// What a float32 network costs on a device once it is int8: quantized on a few samples, which do not change
/// the cost, and counted on the emulator of the device's core.
deploy::Profile int8_profile(const Graph& graph, const data::Dataset& dataset,
                             const device::DeviceProfile& device);

}  // namespace thimble::prune
