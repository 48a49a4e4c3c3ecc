#include "formats/model.h"

#include <fmt/format.h>

#include <cstring>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "formats/onnx/onnx.h"
#include "formats/tflite/tflite.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"

namespace thimble::formats {
namespace {

/// FlatBuffers put a file's identifier behind the offset of the root table.
bool has_tflite_identifier(std::span<const std::byte> content) {
  return content.size() >= 8 && std::memcmp(content.data() + 4, "TFL3", 4) == 0;
}

}  // namespace

Graph read_model(const std::filesystem::path& path) {
  const std::vector<std::byte> content = read_file(path);
  const bool is_tflite = has_tflite_identifier(content) || path.extension() == ".tflite";
  return is_tflite ? tflite::parse_tflite(content, path.string()) : onnx::parse_onnx(content, path.string());
}

Graph for_format(const Graph& graph, const std::filesystem::path& path) {
  const bool folds = path.extension() == ".tflite" && !is_quantized(graph);
  return folds ? fuse_activations(without_batch_norm(graph)) : graph;
}

void write_model(const Graph& graph, const std::filesystem::path& path) {
  expect_model_name(path);
  if (path.extension() == ".onnx") return onnx::write_onnx(graph, path);
  tflite::write_tflite(for_format(graph, path), path);
}

void expect_model_name(const std::filesystem::path& path) {
  if (path.extension() == ".onnx" || path.extension() == ".tflite") return;
  throw Error(path.string(), fmt::format("has the extension '{}'", path.extension().string()),
              "Name the model .onnx or .tflite");
}

std::string sha256_of(const Graph& graph) {
  const std::string file = onnx::to_onnx(graph);
  return sha256(std::as_bytes(std::span(file)));
}

}  // namespace thimble::formats
