// The files that we write in TensorFlow Lite's own interpreter, operator by operator.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/files.h"
#include "formats/node_runtime.h"
#include "formats/onnx/onnx.h"
#include "formats/quantized_network.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite_models.h"

namespace thimble::tflite {
namespace {

const test::NodeRuntime kRuntime = {"tflite_runtime", "THIMBLE_TFLITE_RUNTIME", "@tensorflow/tfjs-tflite"};

/// A model with what goes in and what the reference computes.
struct Case {
  std::string what;
  Graph graph;
  std::vector<std::byte> input;
  std::vector<std::byte> expected;
};

/// One node as a network of its own, on the activations that the whole network gave it: a difference in one
/// operator is not carried into the next.
Case single(const Graph& graph, const Node& node, const ReferenceRun& run, const std::string& what) {
  Case result{fmt::format("{}, {} '{}'", what, name_of(node.op), node.name), {}, {}, {}};
  Graph& part = result.graph;
  part.name = "single";
  part.tensors = graph.tensors;
  part.nodes = {node};
  part.outputs = node.outputs;
  for (const TensorId id : node.inputs) {
    if (graph.tensor(id).is_constant() || std::count(part.inputs.begin(), part.inputs.end(), id) > 0)
      continue;
    part.inputs.push_back(id);
    const auto bytes = run.bytes(id);
    result.input.insert(result.input.end(), bytes.begin(), bytes.end());
  }
  const auto bytes = run.bytes(node.outputs[0]);
  result.expected.assign(bytes.begin(), bytes.end());
  part = remove_unused(part);
  return result;
}

/// Each node of a network; those without an activation as input, or that the format merges, are left out.
void add_nodes(std::vector<Case>& cases, const Graph& graph, std::span<const std::byte> input,
               const std::string& what) {
  ReferenceRun run(graph);
  const std::span<const std::byte> inputs[] = {input};
  run.run(inputs);
  for (const Node& node : graph.nodes) {
    if (inserted_by_import(node)) continue;
    Case one = single(graph, node, run, what);
    if (!one.graph.inputs.empty()) cases.push_back(std::move(one));
  }
}

class TfliteRuntime : public testing::Test {
 protected:
  void SetUp() override { THIMBLE_NEEDS_RUNTIME(kRuntime); }

  std::vector<std::vector<std::byte>> run(const std::vector<Case>& cases) const {
    const TemporaryFolder folder;
    std::string manifest;
    const auto path = [&](size_t i, const char* suffix) {
      return (folder.path() / fmt::format("{}.{}", i, suffix)).string();
    };
    for (size_t i = 0; i < cases.size(); ++i) {
      write_tflite(cases[i].graph, path(i, "tflite"));
      write_file_atomically(path(i, "in"), cases[i].input);
      manifest += fmt::format(R"({}{{"model": "{}", "input": "{}", "output": "{}"}})", i == 0 ? "" : ",\n",
                              path(i, "tflite"), path(i, "in"), path(i, "out"));
    }
    write_file_atomically(folder.path() / "manifest.json", "[" + manifest + "]");
    kRuntime.run(folder.path() / "manifest.json");
    std::vector<std::vector<std::byte>> outputs;
    for (size_t i = 0; i < cases.size(); ++i) {
      outputs.push_back(std::filesystem::exists(path(i, "out")) ? read_file(path(i, "out"))
                                                                : std::vector<std::byte>{});
    }
    return outputs;
  }

  /// Integers agree within one unit, real numbers to `tolerance` of the larger of 1 and their own size.
  void expect_agreement(const std::vector<Case>& cases, double tolerance) const {
    const auto outputs = run(cases);
    size_t elements = 0;
    size_t equal = 0;
    std::map<std::string, size_t> operators;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Tensor& output = cases[i].graph.tensor(cases[i].graph.outputs.at(0));
      ++operators[std::string(name_of(cases[i].graph.nodes.back().op))];
      ASSERT_EQ(outputs[i].size(), cases[i].expected.size()) << cases[i].what;
      for (size_t k = 0; k < output.elements(); ++k) {
        const bool integer = output.type == DataType::kInt8;
        const auto value = [&](const std::vector<std::byte>& bytes) {
          return integer ? double{reinterpret_cast<const int8_t*>(bytes.data())[k]}
                         : double{reinterpret_cast<const float*>(bytes.data())[k]};
        };
        const double theirs = value(outputs[i]);
        const double ours = value(cases[i].expected);
        ++elements;
        equal += theirs == ours;
        const double allowed = integer ? 1.0 : tolerance * std::max(1.0, std::abs(theirs));
        EXPECT_LE(std::abs(theirs - ours), allowed) << cases[i].what << ", element " << k;
        if (HasFailure()) return;
      }
    }
    std::string tested;
    for (const auto& [name, count] : operators) tested += fmt::format(" {} {}", count, name);
    std::printf("%zu of %zu outputs equal;%s\n", equal, elements, tested.c_str());
  }
};

std::vector<std::byte> bytes_of(const std::vector<float>& values) {
  return Tensor::to_bytes(std::span<const float>(values));
}

Graph network(uint64_t seed) {
  return fuse_activations(without_batch_norm(test::random_varied_network(Random(seed))));
}

/// The interpreter's XNNPACK counts a negative padding where a window is narrower than its stride.
bool confuses_xnnpack(const Graph& graph, const Node& node) {
  return std::visit(
      [&](const auto& o) {
        if constexpr (requires {
                        o.stride_h;
                        o.padding;
                      }) {
          int32_t height = 0;
          int32_t width = 0;
          if constexpr (requires { o.kernel_h; }) {
            height = o.kernel_h, width = o.kernel_w;
          } else {
            const Shape& w = graph.tensor(node.inputs[1]).shape;
            height = (w[1] - 1) * o.dilation_h + 1, width = (w[2] - 1) * o.dilation_w + 1;
          }
          return (o.stride_h > height || o.stride_w > width) && o.padding != Padding2D{};
        }
        return false;
      },
      node.op);
}

/// Average pooling with padding that TensorFlow Lite has no name for cannot be written.
bool writable(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (confuses_xnnpack(graph, node)) return false;
  }
  try {
    to_tflite(graph);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST_F(TfliteRuntime, computes_what_the_reference_computes_for_float_networks) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Graph graph = network(seed);
    if (!writable(graph)) continue;
    const auto input = bytes_of(test::random_input(graph, Random(seed + 1000)));
    cases.push_back({fmt::format("seed {}", seed), graph, input, onnx::output_of(graph, input)});
  }
  EXPECT_GT(cases.size(), 50U);
  expect_agreement(cases, 1e-4);
}

TEST_F(TfliteRuntime, stays_within_one_unit_of_the_reference_for_every_integer_operator) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Graph trained = network(seed);
    if (!writable(trained)) continue;
    const Graph graph = onnx::quantized(trained, Random(seed + 500));
    std::vector<std::byte> input(graph.tensor(graph.inputs[0]).bytes());
    Random random(seed + 1000);
    for (std::byte& byte : input) byte = static_cast<std::byte>(random.below(256));
    add_nodes(cases, graph, input, fmt::format("seed {}", seed));
  }
  expect_agreement(cases, 1e-4);
}

TEST_F(TfliteRuntime, runs_networks_that_pytorch_exported) {
  std::vector<Case> cases;
  const auto folder = std::filesystem::path(THIMBLE_SOURCE_DIR) / "tests/formats/pytorch";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    const Graph graph = fuse_activations(without_batch_norm(onnx::read_onnx(entry.path())));
    const std::string name = entry.path().stem().string();
    const auto input = bytes_of(test::random_input(graph, Random(3)));
    cases.push_back({name, graph, input, onnx::output_of(graph, input)});
    const Graph integer = onnx::quantized(graph, Random(4));
    std::vector<std::byte> integers(integer.tensor(integer.inputs[0]).bytes());
    Random random(5);
    for (std::byte& byte : integers) byte = static_cast<std::byte>(random.below(256));
    add_nodes(cases, integer, integers, name);
  }
  expect_agreement(cases, 1e-4);
}

TEST_F(TfliteRuntime, runs_the_reference_models_after_export) {
  if (!std::filesystem::exists(reference_models()))
    GTEST_SKIP() << "no reference models; set THIMBLE_REFERENCE";
  std::vector<Case> cases;
  for (const char* name : {"kws_ref_model", "pretrainedResnet_quant"}) {
    const Graph graph = read_tflite(reference_models() / (std::string(name) + ".tflite"));
    const auto inputs = read_file(reference_models() / (std::string(name) + ".in"));
    add_nodes(cases, graph, std::span(inputs).first(graph.tensor(graph.inputs[0]).bytes()), name);
  }
  for (const char* name : {"kws_ref_model_float32", "pretrainedResnet"}) {
    const Graph graph = read_tflite(reference_models() / (std::string(name) + ".tflite"));
    const auto input = bytes_of(test::random_input(graph, Random(7)));
    cases.push_back({name, graph, input, onnx::output_of(graph, input)});
  }
  expect_agreement(cases, 1e-4);
}

}  // namespace
}  // namespace thimble::tflite
