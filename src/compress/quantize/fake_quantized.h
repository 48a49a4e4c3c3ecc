#pragma once

#include "graph/graph.h"
#include "graph/quantize_from_ranges.h"
#include "train/fake_quantizer.h"

namespace thimble::quantize {

/// A float32 graph that rounds as its integer form does: `integer` is what quantize_from_ranges made of
/// `graph`. Every edge that an operator rounds has a quantizer, and every constant but biases; those of the
/// graph's inputs and of operators with a fixed scale do not learn. What a node of int8 activations reads
/// from one of int16 is not rounded again.
train::FakeQuantizedGraph fake_quantized(const Graph& graph, const Graph& integer);

/// The options with the width and the scales that each layer's weights have in such a network.
QuantizeOptions with_scales_of(const train::FakeQuantizedGraph& network, QuantizeOptions options);

/// The integer form of such a network, at the scales that its quantizers have. All its activations have the
/// same bits, the options': of what is read with other bits than it is given, a quantizer does not know the
/// range.
Graph integer_form(const train::FakeQuantizedGraph& network, const QuantizeOptions& options = {});

}  // namespace thimble::quantize
