// Any bytes give an Error or a valid graph. A valid graph can be written, and what was written is read as the
// same graph: its own copy is written as the same bytes.
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "formats/onnx/onnx.h"
#include "fuzz/live_bytes.h"

namespace {

thimble::Graph parsed(const std::string& content) {
  return thimble::onnx::parse_onnx(std::as_bytes(std::span(content)), "fuzz.onnx");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const LiveBytes limit;
  thimble::Graph graph;
  try {
    graph = thimble::onnx::parse_onnx(std::as_bytes(std::span(data, size)), "fuzz.onnx");
  } catch (const thimble::Error&) {
    return 0;
  }
  std::string once;
  try {
    once = thimble::onnx::to_onnx(parsed(thimble::onnx::to_onnx(graph)));
  } catch (const thimble::Error&) {
    return 0;  // a graph that ONNX cannot say (weights that are computed, say)
  }
  if (thimble::onnx::to_onnx(parsed(once)) != once) std::abort();
  return 0;
}
