#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace thimble::onnx {

/// The graph as an ONNX model (opset 13, IR version 7); the same graph gives the same bytes.
///
/// Activations of four axes are NCHW in the file and convolution weights OIHW; a Reshape from or to four axes
/// so gets a Transpose where it would otherwise mix channels with rows. An integer graph is written in QDQ
/// form: each operator stands between DequantizeLinear and QuantizeLinear, weights and biases are integer
/// initializers behind DequantizeLinear, int8 inputs and outputs stay int8. The widths that ONNX cannot say
/// (int4 weights are int8 initializers) are in metadata_props under "thimble.width:TENSOR". Throws Error when
/// the graph is not valid or larger than the 2 GB that a protobuf file can hold.
std::string to_onnx(const Graph& graph);

/// Writes to_onnx(graph) to a file, atomically.
void write_onnx(const Graph& graph, const std::filesystem::path& path);

/// A graph from an ONNX model: convolutional and dense networks as PyTorch, Keras (tf2onnx) and onnxruntime's
/// quantizer write them, and everything to_onnx writes (which comes back with the same constants, scales and
/// operators).
///
/// Transposes are cancelled by keeping track of each tensor's layout; dense weights behind a flatten of NCHW
/// are reordered instead. A batch extent left open is 1. QDQ patterns become integer operators. Throws Error,
/// with the node's name, operator and a remedy, for what the graph cannot express, and for damaged files.
/// Memory and time stay proportional to the size of the file.
Graph read_onnx(const std::filesystem::path& path);
Graph parse_onnx(std::span<const std::byte> content, std::string_view file_name);

}  // namespace thimble::onnx
