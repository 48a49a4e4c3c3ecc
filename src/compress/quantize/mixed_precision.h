#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compress/quantize/post_training.h"
#include "device/profile.h"

namespace thimble::quantize {

/// A width that a layer's weights can have, and what it costs.
struct WidthChoice {
  int32_t bits = 8;
  uint64_t bytes = 0;     ///< of the weights and the bias in flash
  uint64_t cycles = 0;    ///< of the layer on the device; 0 where none was given
  double divergence = 0;  ///< Fidelity::divergence that this layer alone brings in
};

struct LayerWidths {
  std::string layer;
  std::vector<WidthChoice> widths;
};

/// A width for each layer.
struct Mix {
  std::map<std::string, int32_t> bits;  ///< by the layer's name
  uint64_t bytes = 0;
  uint64_t cycles = 0;
  double divergence = 0;  ///< the sum of the layers'
  /// On the calibration samples, before roundings are fitted; of the chosen mix and of some along the front.
  std::optional<double> accuracy = {};
};

struct MixLimits {
  std::optional<uint64_t> bytes;   ///< of weights and biases
  std::optional<uint64_t> cycles;  ///< of the layers with weights
};

/// Every mix within the limits that no other beats or equals in bytes, cycles and divergence together: the
/// exact solution of the integer program that picks one width a layer, by dynamic programming over the layers
/// with what is beaten left out. By bytes, ascending. Empty when no mix keeps the limits.
std::vector<Mix> mix_front(std::span<const LayerWidths> layers, const MixLimits& limits);

struct MixOptions {
  std::vector<int32_t> widths = {8, 4};
  MixLimits limits = {};
  /// How far the accuracy on the calibration samples may be below the float32 network's, in fractions of 1.
  std::optional<double> accuracy_loss = {};
  std::optional<device::DeviceProfile> device = {};  ///< counts the layers' cycles
};

struct MixedPrecision {
  std::vector<LayerWidths> layers;
  std::vector<Mix> front;
  Mix chosen;
};

/// Measures what each layer loses and gains at each width, the others at 8 bits, and chooses a mix: within
/// the limits, the smallest that keeps the accuracy when that is limited, else the one of least divergence;
/// without any limit, the mix of least divergence in five eighths of the bytes of 8 bits. Measures the
/// accuracy of that one and of a dozen along the front. Throws Error with ExitCode::kBudget when no mix keeps
/// the limits.
MixedPrecision mixed_precision(const Graph& graph, const data::Dataset& dataset,
                               const PostTrainingOptions& post_training, const MixOptions& options);

}  // namespace thimble::quantize
