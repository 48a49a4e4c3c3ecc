#pragma once

#include "compress/prune/select.h"
#include "data/dataset.h"
#include "device/profile.h"

namespace thimble::prune {

/// The cycles_model of a float32 network on a device: the int8 network counted on the emulator of its core,
/// whole and with every group of channels cut to a half and to a quarter, in multiples of `multiple`. Throws
/// Error when the device's core has no emulator.
Cost count_cycles(const Graph& graph, const data::Dataset& dataset, const device::DeviceProfile& device,
                  int multiple);

}  // namespace thimble::prune
