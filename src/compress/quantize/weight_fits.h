#pragma once

#include "graph/graph.h"
#include "graph/quantize_from_ranges.h"
#include "train/fake_quantizer.h"
#include "train/fit_layers.h"

namespace thimble::quantize {

/// The options with weights of 8 bits in every layer.
QuantizeOptions with_weights_of_8_bits(QuantizeOptions options);

/// The options with scales for every layer that has none: those of the least squared error of its weights,
/// one for each output channel or for the layer (takes_channel_scales).
QuantizeOptions least_squares_scales(const Graph& graph, const QuantizeOptions& options);

/// Adaptive rounding: weights that lie on their quantizer's steps, chosen so that the layer's output is near
/// the float32 network's rather than each weight near its own value. It minimizes the squared error that
/// Nagel et al. ("Up or down? Adaptive rounding for post-training quantization", ICML 2020, section 3)
/// derive, over all steps and not the two nearest alone, weight by weight until none of them lessens it.
train::LayerFit adaptive_rounding(const train::FakeQuantizedGraph& network);

/// Bias correction: moves each bias by the mean of what its channel's output differs from the float32
/// network's (Nagel et al., "Data-free quantization", ICCV 2019, section 4.2, on samples).
train::LayerFit bias_correction(const train::FakeQuantizedGraph& network);

}  // namespace thimble::quantize
