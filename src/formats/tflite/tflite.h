#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace thimble::tflite {

/// The version of the schema that files are read and written in.
inline constexpr uint32_t kSchemaVersion = 3;

/// Reads a TensorFlow Lite model: float32, int8 or int16 (weights per channel or per tensor), weights of 4
/// bits. Weights of 8 or 4 bits under float32 activations (dynamic-range quantization) become float32.
///
/// Operators keep their order, one node each, named for the first part of their output's name; a dense layer
/// on an input of more than two axes gets a Reshape beside it (see inserted_by_import). Nothing in the file
/// is trusted: what is copied out of it is bounded by 16 MiB and 16 times its size.
///
/// Throws Error naming the file: damaged or contradictory, or with every operator that is not supported, each
/// with its index, its output's name and what to do.
Graph read_tflite(const std::filesystem::path& path);

/// As read_tflite, from memory; `file_name` is for the errors, and without its extension the graph's name.
Graph parse_tflite(std::span<const std::byte> content, std::string_view file_name);

/// Whether a node stands for no operator of the file it was read from: a Reshape that the reader put beside
/// one. A dump of every operator's output leaves it out, and the writer merges it into its neighbour
/// again.
bool inserted_by_import(const Node& node);

/// A valid graph as a TensorFlow Lite model (schema version 3): the same bytes for the same graph. int8
/// constants whose quantization has 4 bits or fewer, and int4 ones, become INT4, two to a byte, low nibble
/// first. Padding that is neither SAME nor VALID becomes an operator of its own (PAD, or PADV2 for max
/// pooling). Metadata travels as text under its keys, "description" as the model's description,
/// to which "(written by Thimble)" is added in the file alone.
/// A dense layer with a scale for each channel is written at the operator version that runtimes without such
/// kernels refuse, since earlier ones would compute it wrongly.
///
/// Throws Error naming the node that TensorFlow Lite cannot express: a batch norm that is not folded, average
/// pooling with padding other than SAME or VALID.
std::string to_tflite(const Graph& graph);

/// The operators that a TensorFlow Lite model uses, each once, as its schema names them ("CONV_2D"),
/// ascending. `content` is what to_tflite gave.
std::vector<std::string> builtin_operators(std::string_view content);

/// Writes to_tflite(graph) to a file, whole or not at all.
void write_tflite(const Graph& graph, const std::filesystem::path& path);

}  // namespace thimble::tflite
