// The integers of TensorFlow Lite Micro, layer by layer: test data that lies outside the tree
// (THIMBLE_REFERENCE).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/files.h"
#include "formats/tflite/tflite.h"
#include "graph/reference_run.h"

namespace thimble {
namespace {

namespace fs = std::filesystem;

fs::path reference_folder() {
  const char* named = std::getenv("THIMBLE_REFERENCE");
  const fs::path root =
      named != nullptr ? fs::path(named) : fs::path(THIMBLE_SOURCE_DIR) / ".." / "shared" / "reference";
  return root / "mlperf-tiny";
}

struct Model {
  std::string network;  ///< <network>.tflite
  std::string vectors;  ///< <vectors>.in, .layers, .out
  std::string float_network;
};

void PrintTo(const Model& model, std::ostream* out) { *out << model.network; }

class TflmBytes : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override {
    if (fs::exists(reference_folder())) return;
    std::cerr
        << "SKIPPED: no reference models in " << reference_folder()
        << "; the bytes of TensorFlow Lite Micro are NOT compared. Set THIMBLE_REFERENCE to their folder.\n";
    GTEST_SKIP() << "no reference models in " << reference_folder();
  }

  static std::vector<std::byte> file(const std::string& name) { return read_file(reference_folder() / name); }
};

/// Takes `count` bytes off the front of `rest`.
std::span<const std::byte> take(std::span<const std::byte>& rest, size_t count) {
  EXPECT_LE(count, rest.size());
  const auto taken = rest.first(std::min(count, rest.size()));
  rest = rest.subspan(taken.size());
  return taken;
}

void expect_same_bytes(std::span<const std::byte> ours, std::span<const std::byte> theirs,
                       const std::string& what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  const auto difference = std::mismatch(ours.begin(), ours.end(), theirs.begin());
  EXPECT_TRUE(difference.first == ours.end())
      << what << " differs first at byte " << difference.first - ours.begin() << " of " << ours.size();
}

/// Runs the network on every input of the file and compares every operator's output and the network's own.
void expect_reference_bytes(const Graph& graph, std::span<const std::byte> inputs,
                            std::span<const std::byte> layers, std::span<const std::byte> outputs) {
  ReferenceRun run(graph);
  ASSERT_FALSE(inputs.empty());
  for (int vector = 0; !inputs.empty(); ++vector) {
    const auto input = take(inputs, graph.tensor(graph.inputs.at(0)).bytes());
    run.run({{input}});
    for (const Node& node : graph.nodes) {
      if (tflite::inserted_by_import(node)) continue;
      const auto ours = run.bytes(node.outputs[0]);
      expect_same_bytes(ours, take(layers, ours.size()),
                        "vector " + std::to_string(vector) + ", " + node.name);
    }
    const auto ours = run.bytes(graph.outputs.at(0));
    expect_same_bytes(ours, take(outputs, ours.size()), "vector " + std::to_string(vector) + ", output");
  }
  EXPECT_TRUE(layers.empty());
  EXPECT_TRUE(outputs.empty());
}

TEST_P(TflmBytes, every_layer_has_the_bytes_of_tensorflow_lite_micro) {
  const Graph graph = tflite::read_tflite(reference_folder() / (GetParam().network + ".tflite"));
  const std::string& vectors = GetParam().vectors;
  expect_reference_bytes(graph, file(vectors + ".in"), file(vectors + ".layers"), file(vectors + ".out"));
}

TEST_P(TflmBytes, every_layer_keeps_its_bytes_through_export_and_import) {
  const Graph graph = tflite::read_tflite(reference_folder() / (GetParam().network + ".tflite"));
  const std::string exported = tflite::to_tflite(graph);
  const Graph again = tflite::parse_tflite(std::as_bytes(std::span(exported)), "again.tflite");
  const std::string& vectors = GetParam().vectors;
  expect_reference_bytes(again, file(vectors + ".in"), file(vectors + ".layers"), file(vectors + ".out"));
  EXPECT_EQ(tflite::to_tflite(again), exported);
}

TEST_P(TflmBytes, the_float_network_agrees_with_the_integer_network_within_its_quantization) {
  const Graph integer = tflite::read_tflite(reference_folder() / (GetParam().network + ".tflite"));
  const Graph real = tflite::read_tflite(reference_folder() / (GetParam().float_network + ".tflite"));
  ASSERT_FALSE(is_quantized(real));
  const auto inputs = file(GetParam().vectors + ".in");
  const Tensor& input = integer.tensor(integer.inputs[0]);
  ASSERT_EQ(input.shape, real.tensor(real.inputs[0]).shape);

  std::vector<float> values;
  for (size_t i = 0; i < input.elements(); ++i) {
    values.push_back(input.quantization->scales[0] *
                     static_cast<float>(static_cast<int8_t>(inputs[i]) - input.quantization->zero_points[0]));
  }
  ReferenceRun run(real);
  run.run({{std::as_bytes(std::span(values))}});
  ReferenceRun integer_run(integer);
  integer_run.run({{std::span(inputs).first(input.bytes())}});

  // Before the softmax, which saturates: the scores of the last dense layer.
  const TensorId scores = integer.nodes.at(integer.nodes.size() - 2).outputs[0];
  const TensorId real_scores = real.nodes.at(real.nodes.size() - 2).outputs[0];
  const Quantization& q = *integer.tensor(scores).quantization;
  const auto ours = run.bytes(real_scores);
  double worst = 0;
  for (size_t i = 0; i < integer.tensor(scores).elements(); ++i) {
    const float quantized =
        q.scales[0] *
        static_cast<float>(static_cast<int8_t>(integer_run.bytes(scores)[i]) - q.zero_points[0]);
    worst = std::max(worst, std::abs(double{reinterpret_cast<const float*>(ours.data())[i]} - quantized));
  }
  EXPECT_LT(worst, 12 * q.scales[0]);
}

INSTANTIATE_TEST_SUITE_P(MlperfTiny, TflmBytes,
                         testing::Values(Model{"pretrainedResnet_quant", "pretrainedResnet_quant",
                                               "pretrainedResnet"},
                                         Model{"kws_ref_model", "kws_ref_model", "kws_ref_model_float32"}),
                         [](const auto& test) { return test.param.network; });

}  // namespace
}  // namespace thimble
