#pragma once

#include <filesystem>
#include <string>

#include "graph/graph.h"

namespace thimble::formats {

/// Reads a model, whose format its extension tells: .onnx or .tflite (another extension: the content tells).
/// Throws Error when it is neither, damaged, or has what a Graph cannot express.
Graph read_model(const std::filesystem::path& path);

/// A network as the format of the path's extension holds it: TensorFlow Lite has no batch norm, and its
/// compilers want activations fused.
Graph for_format(const Graph& graph, const std::filesystem::path& path);

/// Writes a model, for_format, in the format of the path's extension, .onnx or .tflite, atomically. Throws
/// Error for another one.
void write_model(const Graph& graph, const std::filesystem::path& path);

/// Throws Error when write_model could not name a format for the path: to be called before the work that
/// makes the model.
void expect_model_name(const std::filesystem::path& path);

/// SHA-256 of a network: of the ONNX file that write_model would write.
std::string sha256_of(const Graph& graph);

}  // namespace thimble::formats
