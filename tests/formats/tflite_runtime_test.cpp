// The files that we write in TensorFlow Lite's own interpreter and in LiteRT, its successor, operator by
// operator.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/files.h"
#include "formats/node_runtime.h"
#include "formats/onnx/onnx.h"
#include "formats/quantized_network.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite_models.h"
#include "graph/builder.h"
#include "support/int16_options.h"
#include "support/small_zoo.h"
#include "zoo/zoo.h"

namespace thimble::tflite {
namespace {

/// A model with what goes in and what the reference computes.
struct Case {
  std::string what;
  Graph graph;
  std::vector<std::byte> input;
  std::vector<std::byte> expected;
  std::vector<std::byte> file = {};  ///< empty: the graph as we write it
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

class Interpreter : public testing::Test {
 protected:
  explicit Interpreter(test::NodeRuntime runtime) : runtime_(std::move(runtime)) {}
  void SetUp() override { THIMBLE_NEEDS_RUNTIME(runtime_); }

  std::vector<std::vector<std::byte>> run(const std::vector<Case>& cases) const {
    const TemporaryFolder folder;
    std::string manifest;
    const auto path = [&](size_t i, const char* suffix) {
      return (folder.path() / fmt::format("{}.{}", i, suffix)).string();
    };
    for (size_t i = 0; i < cases.size(); ++i) {
      if (cases[i].file.empty()) {
        write_tflite(cases[i].graph, path(i, "tflite"));
      } else {
        write_file_atomically(path(i, "tflite"), cases[i].file);
      }
      write_file_atomically(path(i, "in"), cases[i].input);
      manifest += fmt::format(R"({}{{"model": "{}", "input": "{}", "output": "{}"}})", i == 0 ? "" : ",\n",
                              path(i, "tflite"), path(i, "in"), path(i, "out"));
    }
    write_file_atomically(folder.path() / "manifest.json", "[" + manifest + "]");
    runtime_.run(folder.path() / "manifest.json");
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
        const bool integer = output.type != DataType::kFloat32;
        const auto value = [&](const std::vector<std::byte>& bytes) -> double {
          if (output.type == DataType::kInt8) return reinterpret_cast<const int8_t*>(bytes.data())[k];
          if (output.type == DataType::kInt16) return reinterpret_cast<const int16_t*>(bytes.data())[k];
          return reinterpret_cast<const float*>(bytes.data())[k];
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

 private:
  test::NodeRuntime runtime_;
};

class TfliteRuntime : public Interpreter {
 protected:
  TfliteRuntime() : Interpreter({"tflite_runtime", "THIMBLE_TFLITE_RUNTIME", "@tensorflow/tfjs-tflite"}) {}
};

/// It knows what TensorFlow Lite learned since: weights of 4 bits, dense layers with a scale for each
/// channel.
class LiteRt : public Interpreter {
 protected:
  LiteRt() : Interpreter({"litert", "THIMBLE_LITERT", "@litertjs/core"}) {}
};

std::vector<std::byte> bytes_of(const std::vector<float>& values) {
  return Tensor::to_bytes(std::span<const float>(values));
}

std::vector<std::byte> random_bytes(const Graph& graph, Random random) {
  std::vector<std::byte> input(graph.tensor(graph.inputs[0]).bytes());
  for (std::byte& byte : input) byte = static_cast<std::byte>(random.below(256));
  return input;
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
    add_nodes(cases, graph, random_bytes(graph, Random(seed + 1000)), fmt::format("seed {}", seed));
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
    add_nodes(cases, integer, random_bytes(integer, Random(5)), name);
  }
  expect_agreement(cases, 1e-4);
}

std::vector<Case> reference_cases() {
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
  return cases;
}

TEST_F(TfliteRuntime, runs_the_reference_models_after_export) {
  if (!std::filesystem::exists(reference_models()))
    GTEST_SKIP() << "no reference models; set THIMBLE_REFERENCE";
  expect_agreement(reference_cases(), 1e-4);
}

TEST_F(LiteRt, runs_the_reference_models_after_export) {
  if (!std::filesystem::exists(reference_models()))
    GTEST_SKIP() << "no reference models; set THIMBLE_REFERENCE";
  expect_agreement(reference_cases(), 1e-4);
}

TEST_F(LiteRt, stays_within_one_unit_of_the_reference_for_weights_of_four_bits) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Graph trained = network(seed);
    if (!writable(trained)) continue;
    const Graph graph = onnx::quantized(trained, Random(seed + 500), {.bits = 4});
    std::vector<Case> nodes;
    add_nodes(nodes, graph, random_bytes(graph, Random(seed + 1000)), fmt::format("seed {}", seed));
    std::erase_if(nodes, [](const Case& each) { return !has_weights(each.graph.nodes[0].op); });
    std::move(nodes.begin(), nodes.end(), std::back_inserter(cases));
  }
  std::set<std::string_view> operators;
  for (const Case& each : cases) {
    EXPECT_EQ(each.graph.tensor(each.graph.nodes[0].inputs[1]).type, DataType::kInt4);
    operators.insert(name_of(each.graph.nodes[0].op));
  }
  EXPECT_EQ(operators.size(), 3U);
  expect_agreement(cases, 1e-4);
}

/// Every operator that has an int16 form, and Quantize between int8 and int16.
TEST_F(LiteRt, stays_within_one_unit_of_the_reference_for_int16_activations) {
  std::vector<Case> cases;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Graph trained = network(seed);
    if (!writable(trained)) continue;
    const Graph graph =
        onnx::quantized(trained, Random(seed + 500), test::int16_options(trained, Random(seed + 600)));
    std::vector<Case> nodes;
    add_nodes(nodes, graph, random_bytes(graph, Random(seed + 1000)), fmt::format("seed {}", seed));
    std::erase_if(nodes, [](const Case& each) {
      const auto is_int16 = [](const Tensor& tensor) { return tensor.type == DataType::kInt16; };
      return std::ranges::none_of(each.graph.tensors, is_int16);
    });
    std::move(nodes.begin(), nodes.end(), std::back_inserter(cases));
  }
  expect_agreement(cases, 1e-4);
}

/// MobileNetV1 at a quarter of its width (Howard et al., arXiv:1704.04861), as in MLPerf Tiny's visual wake
/// words.
Graph mobilenet_v1() {
  GraphBuilder b("mobilenet_v1", 1);
  TensorId x = b.input("pixels", {1, 96, 96, 3});
  const auto activated = [&](TensorId y) { return b.relu6(b.batch_norm(y)); };
  x = activated(b.conv2d(x, 8, {.stride_h = 2, .stride_w = 2}));
  for (const auto& [filters, stride] :
       {std::pair{16, 1}, {32, 2}, {32, 1}, {64, 2}, {64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}}) {
    x = activated(b.depthwise_conv2d(x, {.stride_h = stride, .stride_w = stride}));
    x = activated(b.conv2d(x, filters, {.kernel_h = 1, .kernel_w = 1}));
  }
  return b.finish({b.softmax(b.classifier(b.flatten(b.average_pool(x, 3, 1)), 2))});
}

/// The dense autoencoder of MLPerf Tiny's anomaly detection (Koizumi et al., DCASE 2020), without its batch
/// norms.
Graph autoencoder() {
  GraphBuilder b("autoencoder", 1);
  TensorId x = b.input("spectrum", {1, 640});
  for (const int32_t units : {128, 128, 128, 128, 8, 128, 128, 128, 128})
    x = b.relu(b.fully_connected(x, units));
  return b.finish({b.fully_connected(x, 640)});
}

TEST_F(LiteRt, runs_the_networks_of_mlperf_tiny_and_the_zoo_in_8_and_4_bits) {
  std::vector<Graph> networks = {mobilenet_v1(), autoencoder()};
  for (const char* name : test::kSmallZoo) networks.push_back(zoo::build(name, 1));
  std::vector<Case> cases;
  for (const Graph& trained : networks) {
    for (const int32_t bits : {8, 4}) {
      const Graph graph = onnx::quantized(trained, Random(2), {.bits = bits});
      add_nodes(cases, graph, random_bytes(graph, Random(3)), fmt::format("{}, {} bits", graph.name, bits));
    }
  }
  expect_agreement(cases, 1e-4);
}

/// A file that is not ours in LiteRT, and as we read it.
Case foreign(const std::string& what, const JsonModel& model) {
  Case result{what, {}, {}, {}, compiled(model.text())};
  result.graph = parse_tflite(result.file, "foreign.tflite");
  const bool integer = result.graph.tensor(result.graph.inputs[0]).type == DataType::kInt8;
  result.input =
      integer ? random_bytes(result.graph, Random(3)) : bytes_of(test::random_input(result.graph, Random(3)));
  result.expected = onnx::output_of(result.graph, result.input);
  return result;
}

TEST_F(LiteRt, gives_what_we_read_from_operators_that_become_several_of_ours) {
  std::vector<Case> cases;
  struct Reduction {
    const char* from;
    const char* to;
    std::vector<int32_t> axes;
  };
  const std::string int8 = R"(, "type": "INT8", "quantization": {"scale": [0.5], "zero_point": [-3]})";
  for (const bool integer : {false, true}) {
    const auto typed = [&](JsonModel model) {
      for (std::string& tensor : model.tensors) {
        if (integer && tensor.find("\"type\"") == std::string::npos) tensor.insert(tensor.size() - 1, int8);
      }
      return model;
    };
    for (const auto& [from, to, axes] :
         {Reduction{"[1, 7, 3]", "[1, 3]", {1}}, Reduction{"[1, 7, 3]", "[1, 7]", {2}},
          Reduction{"[1, 5, 4, 3]", "[1, 5, 3]", {2}}, Reduction{"[1, 5, 4, 3]", "[1, 3]", {1, 2}},
          Reduction{"[1, 5, 4, 3]", "[1]", {1, -1, 2}}}) {
      JsonModel model = one_operator("REDUCE_MAX", from, to,
                                     R"("builtin_options_type": "ReducerOptions", "builtin_options": {})");
      add_constant<int32_t>(model, fmt::format("[{}]", axes.size()), "INT32", axes);
      cases.push_back(foreign(fmt::format("maximum {} to {}", from, to), typed(model)));
    }
    for (const int axis : {2, -1}) {
      JsonModel model;
      model.codes = {R"({"builtin_code": "UNPACK", "deprecated_builtin_code": 88})",
                     R"({"builtin_code": "PACK", "deprecated_builtin_code": 83})"};
      for (const char* tensor : {R"({"shape": [1, 3, 4], "name": "x"})",
                                 R"({"shape": [1, 4, 3], "name": "y"})", R"({"shape": [1, 4], "name": "a"})",
                                 R"({"shape": [1, 4], "name": "b"})", R"({"shape": [1, 4], "name": "c"})"}) {
        model.tensors.emplace_back(tensor);
      }
      model.operators = {
          R"({"inputs": [0], "outputs": [2, 3, 4], "builtin_options_type": "UnpackOptions", "builtin_options": {"num": 3, "axis": 1}})",
          fmt::format(
              R"({{"opcode_index": 1, "inputs": [4, 2, 3], "outputs": [1], "builtin_options_type": "PackOptions", "builtin_options": {{"values_count": 3, "axis": {}}}}})",
              axis)};
      cases.push_back(foreign(fmt::format("unpacked and packed along {}", axis), typed(model)));
    }
  }
  // Weights of 16 bits, as converters write them: 1, -2, 0.5, 65504; 2^-24, -0.1, 1/3, 0.
  JsonModel model = one_operator("FULLY_CONNECTED", "[1, 4]", "[1, 2]",
                                 R"("builtin_options_type": "FullyConnectedOptions", "builtin_options": {})");
  model.codes.emplace_back(R"({"builtin_code": "DEQUANTIZE", "deprecated_builtin_code": 6, "version": 3})");
  model.tensors.emplace_back(R"({"shape": [2, 4], "name": "weights"})");
  model.operators[0] =
      R"({"inputs": [0, 2, -1], "outputs": [1], "builtin_options_type": "FullyConnectedOptions", "builtin_options": {}})";
  model.operators.insert(model.operators.begin(), R"({"opcode_index": 1, "inputs": [], "outputs": [2]})");
  add_constant<uint16_t>(model, "[2, 4]", "FLOAT16",
                         {0x3C00, 0xC000, 0x3800, 0x7BFF, 0x0001, 0xAE66, 0x3555, 0x0000});
  const size_t comma = model.operators[0].find("[, ");
  model.operators[0].erase(comma + 1, 2);
  cases.push_back(foreign("weights of 16 bits", model));
  EXPECT_EQ(cases.back().graph.nodes.size(), 1U);
  expect_agreement(cases, 1e-4);
}

}  // namespace
}  // namespace thimble::tflite
