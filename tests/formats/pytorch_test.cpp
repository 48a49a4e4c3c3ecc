// Networks that PyTorch exported (tests/formats/pytorch/make_fixtures.py) against what PyTorch computes for
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "formats/onnx/layout.h"
#include "formats/onnx/onnx.h"
#include "formats/quantized_network.h"
#include "formats/tflite/tflite.h"

namespace thimble::onnx {
namespace {

namespace fs = std::filesystem;

fs::path folder() { return fs::path(THIMBLE_SOURCE_DIR) / "tests/formats/pytorch"; }

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() == ".onnx") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// A tensor's elements from the file's order (channels first) to the graph's, or back.
std::vector<std::byte> reordered(std::span<const std::byte> data, const Shape& graph_shape, bool to_graph) {
  if (graph_shape.size() != 4) return {data.begin(), data.end()};
  const Axes axes = to_graph ? kNhwcFromNchw : kNchwFromNhwc;
  return permuted(data, sizeof(float), to_graph ? permuted(graph_shape, kNchwFromNhwc) : graph_shape, axes);
}

class PyTorch : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    graph_ = read_onnx(folder() / (GetParam() + ".onnx"));
    const std::vector<std::byte> values = read_file(folder() / (GetParam() + ".values"));
    const Tensor& input = graph_.tensor(graph_.inputs.at(0));
    const Tensor& output = graph_.tensor(graph_.outputs.at(0));
    ASSERT_EQ(values.size(), input.bytes() + output.bytes());
    // This one takes its images with the channels last, as the graph does.
    const bool as_it_is = GetParam().starts_with("reorders");
    const auto given = std::span(values).first(input.bytes());
    input_ =
        as_it_is ? std::vector<std::byte>(given.begin(), given.end()) : reordered(given, input.shape, true);
    values_ = values;
    expected_ = std::span(values_).subspan(input.bytes());
  }

  /// The largest difference from PyTorch's output, relative where that is above 1.
  double difference(const Graph& graph) const {
    const auto ours = reordered(output_of(graph, input_), graph.tensor(graph.outputs.at(0)).shape, false);
    EXPECT_EQ(ours.size(), expected_.size());
    double worst = 0;
    for (size_t i = 0; i < ours.size() / sizeof(float); ++i) {
      const double a = reinterpret_cast<const float*>(ours.data())[i];
      const double b = reinterpret_cast<const float*>(expected_.data())[i];
      worst = std::max(worst, std::abs(a - b) / std::max(1.0, std::abs(b)));
    }
    return worst;
  }

  Graph graph_;
  std::vector<std::byte> input_;
  std::vector<std::byte> values_;
  std::span<const std::byte> expected_;
};

TEST_P(PyTorch, gives_the_output_that_pytorch_gives) { EXPECT_LE(difference(graph_), 1e-5); }

TEST_P(PyTorch, gives_it_after_folding_and_fusing_too) {
  EXPECT_LE(difference(fuse_activations(fold_batch_norm(graph_))), 1e-5);
}

TEST_P(PyTorch, keeps_its_output_through_onnx) {
  const std::string file = to_onnx(graph_);
  const Graph again = parse_onnx(std::as_bytes(std::span(file)), "again.onnx");
  EXPECT_EQ(output_of(again, input_), output_of(graph_, input_));
  EXPECT_EQ(to_onnx(again), file);
}

TEST_P(PyTorch, keeps_its_output_through_tflite) {
  const Graph graph = without_batch_norm(graph_);
  const std::string file = tflite::to_tflite(graph);
  const Graph again = tflite::parse_tflite(std::as_bytes(std::span(file)), "again.tflite");
  EXPECT_EQ(output_of(again, input_), output_of(graph, input_));
  EXPECT_LE(difference(again), 1e-5);
}

TEST_P(PyTorch, moves_no_element_that_does_not_have_to_move) {
  // These ask for another order themselves.
  for (const char* name : {"shuffle", "sequence", "reorders", "unflatten"}) {
    if (GetParam().starts_with(name)) GTEST_SKIP();
  }
  for (const Node& node : graph_.nodes) {
    EXPECT_FALSE(std::holds_alternative<Transpose>(node.op)) << node.name;
  }
}

TEST_P(PyTorch, quantizes_and_keeps_its_bytes_through_both_formats) {
  const Graph graph = quantized(without_batch_norm(graph_), Random(5));
  std::vector<std::byte> input(graph.tensor(graph.inputs.at(0)).bytes());
  Random random(6);
  for (std::byte& byte : input) byte = static_cast<std::byte>(random.below(256));
  const auto expected = output_of(graph, input);
  const std::string onnx = to_onnx(graph);
  EXPECT_EQ(output_of(parse_onnx(std::as_bytes(std::span(onnx)), "again.onnx"), input), expected);
  const std::string tflite = tflite::to_tflite(graph);
  EXPECT_EQ(output_of(tflite::parse_tflite(std::as_bytes(std::span(tflite)), "again.tflite"), input),
            expected);
}

INSTANTIATE_TEST_SUITE_P(Exported, PyTorch, testing::ValuesIn(fixtures()),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace thimble::onnx
