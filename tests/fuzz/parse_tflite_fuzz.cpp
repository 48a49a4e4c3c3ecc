// Any bytes give an Error or a valid graph. A valid graph can be written, and what was written is read as the
// same graph: its own copy is written as the same bytes. (The first copy may differ: nodes without a name get
// one.)
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "formats/tflite/tflite.h"
#include "fuzz/live_bytes.h"

namespace {

thimble::Graph parsed(const std::string& content) {
  return thimble::tflite::parse_tflite(std::as_bytes(std::span(content)), "fuzz.tflite");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const LiveBytes limit;
  thimble::Graph graph;
  try {
    graph = thimble::tflite::parse_tflite(std::as_bytes(std::span(data, size)), "fuzz.tflite");
  } catch (const thimble::Error&) {
    return 0;
  }
  const std::string once = thimble::tflite::to_tflite(parsed(thimble::tflite::to_tflite(graph)));
  if (thimble::tflite::to_tflite(parsed(once)) != once) std::abort();
  return 0;
}
