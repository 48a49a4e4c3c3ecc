#pragma once

#include "graph/graph.h"

namespace thimble::onnx {

/// Turns QDQ patterns into integer operators: an operator that reads the results of Dequantize (and integer
/// constants) and whose result, perhaps through a Relu or Relu6 that nobody else reads, goes to one Quantize,
/// computes on the integers themselves. A Quantize behind a Dequantize becomes a requantization. What does
/// not fit the pattern stays in float32, its integer constants turned into real numbers.
///
/// The graph comes from the importer: not yet valid, since float operators in it may read integer constants.
Graph fold_quantization(const Graph& graph);

}  // namespace thimble::onnx
