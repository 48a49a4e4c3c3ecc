#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"

namespace thimble::tflite {

/// A TensorFlow Lite file from FlatBuffers' own JSON form, by flatc: a writer of the tables that is not ours.
inline std::vector<std::byte> compiled(const std::string& json) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "model.json", json);
  const std::string schema = std::string(THIMBLE_SOURCE_DIR) + "/src/formats/tflite/schema.fbs";
  const auto result = run_process(
      {"flatc", "-b", "-o", folder.path().string(), schema, (folder.path() / "model.json").string()},
      "apt-get install flatbuffers-compiler");
  if (result.exit_code != 0) throw Error("flatc", result.standard_output + result.standard_error, "");
  return read_file(folder.path() / "model.tflite");
}

/// A model in JSON; each list holds its elements as JSON texts. Buffer 0 is empty by convention.
struct JsonModel {
  std::vector<std::string> codes;
  std::vector<std::string> tensors;
  std::vector<std::string> operators;
  std::vector<std::string> buffers = {"{}"};
  std::string inputs = "[0]";
  std::string outputs = "[1]";

  std::string text() const {
    const auto list = [](const std::vector<std::string>& elements) {
      std::string joined;
      for (const std::string& element : elements) joined += (joined.empty() ? "" : ", ") + element;
      return "[" + joined + "]";
    };
    return fmt::format(
        R"({{"version": 3, "operator_codes": {}, "buffers": {}, "subgraphs": [{{"tensors": {},)"
        R"( "inputs": {}, "outputs": {}, "operators": {}}}]}})",
        list(codes), list(buffers), list(tensors), inputs, outputs, list(operators));
  }
};

/// The bytes of numbers as a buffer in JSON.
template <typename T>
std::string buffer(const std::vector<T>& values) {
  std::string joined;
  for (const std::byte byte : std::as_bytes(std::span(values))) {
    joined += (joined.empty() ? "" : ",") + std::to_string(static_cast<int>(byte));
  }
  return "{\"data\": [" + joined + "]}";
}

/// One float32 operator from tensor 0 to tensor 1.
inline JsonModel one_operator(const std::string& code, const std::string& input_shape,
                              const std::string& output_shape, const std::string& options = "") {
  JsonModel model;
  model.codes = {fmt::format(R"({{"builtin_code": "{}"}})", code)};
  model.tensors = {fmt::format(R"({{"shape": {}, "name": "x"}})", input_shape),
                   fmt::format(R"({{"shape": {}, "name": "y"}})", output_shape)};
  model.operators = {
      fmt::format(R"({{"inputs": [0], "outputs": [1]{}{}}})", options.empty() ? "" : ", ", options)};
  return model;
}

/// Appends a constant tensor and makes it the next input of operator 0.
template <typename T>
void add_constant(JsonModel& model, const std::string& shape, const std::string& type,
                  const std::vector<T>& values, const std::string& more = "") {
  model.buffers.push_back(buffer(values));
  model.tensors.push_back(fmt::format(R"({{"shape": {}, "type": "{}", "name": "constant", "buffer": {}{}}})",
                                      shape, type, model.buffers.size() - 1, more));
  const auto place = model.operators[0].find(']');
  model.operators[0].insert(place, fmt::format(", {}", model.tensors.size() - 1));
}

/// The folder of the reference models (THIMBLE_REFERENCE, or beside the tree), which may be absent.
inline std::filesystem::path reference_models() {
  const char* named = std::getenv("THIMBLE_REFERENCE");
  const std::filesystem::path beside =
      std::filesystem::path(THIMBLE_SOURCE_DIR) / ".." / "shared" / "reference";
  return (named != nullptr ? std::filesystem::path(named) : beside) / "mlperf-tiny";
}

}  // namespace thimble::tflite
