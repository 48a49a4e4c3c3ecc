#pragma once

#include <string>

#include "base/random.h"
#include "graph/graph.h"

namespace thimble::test {

/// How many operators there are: the alternatives of `Operator`.
inline constexpr size_t kOperators = std::variant_size_v<Operator>;

/// The name of the operator with that index.
std::string operator_name(size_t index);

/// Appends a node of the operator with that index to the graph, with inputs of its own and a result that is
/// an output of the graph: random shapes with extents up to `size`, attributes, quantization and weights.
/// `type` is that of the activations: float32, int8 or int16; appends nothing for an operator that has no
/// such form.
void append_case(Graph& graph, size_t index, DataType type, int32_t size, Random random);

/// Appends an int8 convolution that Winograd's algorithm can compute, likewise.
void append_winograd_case(Graph& graph, int32_t size, Random random);

/// A random network of several layers, quantized by the ranges that it takes on random inputs unless `type`
/// is float32: of int8 activations, or of int16 with int8 in some layers.
Graph random_deployable(DataType type, Random random);

/// Appends all of `part` to the graph, its names prefixed.
void append_graph(Graph& graph, const Graph& part, const std::string& prefix);

/// Random bytes for all inputs of a graph, one after another: integers over their whole range, floats in [-4,
/// 4].
std::vector<std::byte> random_sample(const Graph& graph, Random& random);

}  // namespace thimble::test
