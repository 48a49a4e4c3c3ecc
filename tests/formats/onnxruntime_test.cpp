#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "formats/node_runtime.h"
#include "formats/onnx/layout.h"
#include "formats/onnx/onnx.h"
#include "formats/onnx_models.h"
#include "formats/quantized_network.h"
#include "support/int16_options.h"

namespace thimble::onnx {
namespace {

const test::NodeRuntime kRuntime = {"onnxruntime", "THIMBLE_ONNXRUNTIME", "onnxruntime-node"};

/// A file that onnxruntime and the reference both run.
struct Case {
  std::string file;
  Graph graph;                   ///< what the reference runs
  std::vector<std::byte> input;  ///< in the graph's layout
  Shape file_shape;              ///< of the input, as the file declares it
  bool file_is_nhwc = false;     ///< the file's input and output have the graph's own layout
};

std::vector<std::byte> to_file_layout(const Case& c, const Tensor& tensor, std::span<const std::byte> data) {
  if (tensor.shape.size() != 4 || c.file_is_nhwc) return {data.begin(), data.end()};
  return permuted(data, byte_size(tensor.type, 1), tensor.shape, kNchwFromNhwc);
}

Case written(const Graph& graph, std::vector<std::byte> input) {
  const Shape& shape = graph.tensor(graph.inputs[0]).shape;
  return {to_onnx(graph), graph, std::move(input),
          shape.size() == 4 ? permuted(shape, kNchwFromNhwc) : shape};
}

/// Runs every case in onnxruntime; the outputs are in the files' layouts.
class OnnxRuntime : public testing::Test {
 protected:
  void SetUp() override { THIMBLE_NEEDS_RUNTIME(kRuntime); }

  std::vector<std::vector<std::byte>> run(const std::vector<Case>& cases) const {
    const TemporaryFolder folder;
    std::string manifest;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Tensor& input = cases[i].graph.tensor(cases[i].graph.inputs[0]);
      const auto path = [&](const char* suffix) {
        return (folder.path() / fmt::format("{}.{}", i, suffix)).string();
      };
      write_file_atomically(path("onnx"), cases[i].file);
      write_file_atomically(path("in"), to_file_layout(cases[i], input, cases[i].input));
      manifest +=
          fmt::format(R"({}{{"model": "{}", "input": "{}", "output": "{}", "type": "{}", "shape": [{}]}})",
                      i == 0 ? "" : ",\n", path("onnx"), path("in"), path("out"), name_of(input.type),
                      fmt::join(cases[i].file_shape, ", "));
    }
    write_file_atomically(folder.path() / "manifest.json", "[" + manifest + "]");
    kRuntime.run(folder.path() / "manifest.json");
    std::vector<std::vector<std::byte>> outputs;
    for (size_t i = 0; i < cases.size() && !HasFailure(); ++i) {
      outputs.push_back(read_file(folder.path() / fmt::format("{}.out", i)));
    }
    return outputs;
  }
};

template <typename T>
std::span<const T> as(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

std::vector<std::byte> bytes_of(const std::vector<float>& values) {
  return Tensor::to_bytes(std::span<const float>(values));
}

/// What the reference computes, in the file's layout.
std::vector<std::byte> expected(const Case& c) {
  return to_file_layout(c, c.graph.tensor(c.graph.outputs[0]), output_of(c.graph, c.input));
}

void expect_near(const std::vector<std::byte>& a, const std::vector<std::byte>& b, float tolerance,
                 const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t i = 0; i < as<float>(a).size(); ++i) {
    ASSERT_NEAR(as<float>(a)[i], as<float>(b)[i], tolerance * std::max(1.0F, std::abs(as<float>(a)[i])))
        << what << ", element " << i;
  }
}

TEST_F(OnnxRuntime, computes_what_the_reference_computes_for_float_files_we_write) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Graph graph =
        (seed % 2 == 0 ? test::random_network(Random(seed)) : test::random_varied_network(Random(seed)));
    cases.push_back(written(graph, bytes_of(test::random_input(graph, Random(seed + 1000)))));
  }
  const auto outputs = run(cases);
  ASSERT_EQ(outputs.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i)
    expect_near(outputs[i], expected(cases[i]), 1e-4F, fmt::format("seed {}", i));
}

TEST_F(OnnxRuntime, stays_within_one_unit_of_the_reference_for_integer_files_we_write) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Graph graph = quantized(
        (seed % 2 == 0 ? test::random_network(Random(seed)) : test::random_varied_network(Random(seed))),
        Random(seed + 500));
    std::vector<int8_t> input(graph.tensor(graph.inputs[0]).elements());
    Random random(seed + 1000);
    for (int8_t& value : input) value = static_cast<int8_t>(random.between(-128, 127));
    cases.push_back(written(graph, Tensor::to_bytes(std::span<const int8_t>(input))));
  }
  const auto outputs = run(cases);
  ASSERT_EQ(outputs.size(), cases.size());
  size_t elements = 0;
  size_t equal = 0;
  size_t within_one = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto reference = expected(cases[i]);
    ASSERT_EQ(outputs[i].size(), reference.size());
    for (size_t k = 0; k < reference.size(); ++k) {
      const int32_t difference = std::abs(as<int8_t>(outputs[i])[k] - as<int8_t>(reference)[k]);
      ++elements;
      equal += difference == 0;
      within_one += difference <= 1;
    }
  }
  std::printf("%zu of %zu outputs equal, %zu within one unit\n", equal, elements, within_one);
  EXPECT_GE(static_cast<double>(within_one), 0.999 * static_cast<double>(elements));
}

/// It computes in float32 what the reference interpolates: Softmax, Sigmoid and Tanh differ in their last
/// bits.
TEST_F(OnnxRuntime, stays_near_the_reference_for_files_of_int16_activations) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Random random(seed);
    const Graph network = fuse_activations(fold_batch_norm(test::random_varied_network(random)));
    const Graph graph = quantized(network, random.fork(1), test::int16_options(network, random.fork(2)));
    std::vector<std::byte> input(graph.tensor(graph.inputs[0]).bytes());
    Random bytes = random.fork(3);
    for (std::byte& byte : input) byte = static_cast<std::byte>(bytes.below(256));
    if (graph.tensor(graph.outputs[0]).type == DataType::kInt16)
      cases.push_back(written(graph, std::move(input)));
  }
  const auto outputs = run(cases);
  ASSERT_EQ(outputs.size(), cases.size());
  size_t elements = 0;
  size_t near = 0;
  size_t within_two = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto reference = expected(cases[i]);
    ASSERT_EQ(outputs[i].size(), reference.size());
    for (size_t k = 0; k < reference.size() / 2; ++k) {
      ++elements;
      const int32_t difference = std::abs(as<int16_t>(outputs[i])[k] - as<int16_t>(reference)[k]);
      near += difference <= 256;  // a step of int8
      within_two += difference <= 2;
    }
  }
  std::printf("%zu of %zu outputs near, %zu within two units, of %zu networks\n", near, elements, within_two,
              cases.size());
  EXPECT_GE(static_cast<double>(near), 0.99 * static_cast<double>(elements));
  EXPECT_GE(static_cast<double>(within_two), 0.9 * static_cast<double>(elements));
}

TEST_F(OnnxRuntime, agrees_with_our_reading_of_files_that_others_write) {
  std::vector<Case> cases;
  for (const ForeignCase& form : foreign_cases()) {
    auto model = form.model;
    model.mutable_graph()->set_name(form.name);
    const std::string file = model.SerializeAsString();
    const Graph graph = parse_onnx(std::as_bytes(std::span(file)), form.name);
    Case c{file, graph, bytes_of(test::random_input(graph, Random(9))), {}, form.name.starts_with("keras")};
    for (const auto& dim : model.graph().input(0).type().tensor_type().shape().dim()) {
      c.file_shape.push_back(dim.has_dim_value() ? static_cast<int32_t>(dim.dim_value()) : 1);
    }
    cases.push_back(std::move(c));
  }
  const auto outputs = run(cases);
  ASSERT_EQ(outputs.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const bool integers = cases[i].graph.name == "unsigned_qdq";
    expect_near(outputs[i], expected(cases[i]), integers ? 0.0101F : 1e-4F, cases[i].graph.name);
  }
}

}  // namespace
}  // namespace thimble::onnx
