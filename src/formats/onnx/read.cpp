#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <climits>

#include "base/error.h"
#include "base/files.h"
#include "formats/onnx/fold_quantization.h"
#include "formats/onnx/importer.h"
#include "formats/onnx/onnx.h"

namespace thimble::onnx {
namespace {

/// Silences protobuf's own messages while a file is parsed: the Error says what is wrong.
class QuietParsing {
 public:
  QuietParsing() : previous_(google::protobuf::SetLogHandler(nullptr)) {}
  ~QuietParsing() { google::protobuf::SetLogHandler(previous_); }
  QuietParsing(const QuietParsing&) = delete;
  QuietParsing& operator=(const QuietParsing&) = delete;

 private:
  google::protobuf::LogHandler* previous_;
};

}  // namespace

Graph parse_onnx(std::span<const std::byte> content, std::string_view file_name) {
  ::onnx::ModelProto model;
  const QuietParsing quiet;
  if (content.size() > INT_MAX || !model.ParseFromArray(content.data(), static_cast<int>(content.size())) ||
      !model.has_graph()) {
    throw Error(file_name, "is not an ONNX model, or was cut short", "Export or copy it again");
  }
  try {
    Graph graph = remove_unused(fold_quantization(Importer(model, content.size()).import(file_name)));
    validate(graph);
    return graph;
  } catch (const ModelError&) {
    throw;
  } catch (const Error& error) {
    throw Error(file_name, error.what(), "");
  }
}

Graph read_onnx(const std::filesystem::path& path) { return parse_onnx(read_file(path), path.string()); }

}  // namespace thimble::onnx
