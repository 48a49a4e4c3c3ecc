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

/// The integer form of such a network, at the scales that its quantizers have, with the options' bits of
/// activations.
Graph integer_form(const train::FakeQuantizedGraph& network, const QuantizeOptions& options = {});

}  // namespace thimble::quantize
