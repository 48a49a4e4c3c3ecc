#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <rapidcheck/gtest.h>

#include "base/files.h"
#include "formats/model.h"
#include "formats/onnx/layout.h"
#include "formats/onnx/onnx.h"
#include "formats/quantized_network.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "support/expect_error.h"
#include "support/int16_options.h"
#include "support/random_network.h"

namespace thimble::onnx {
namespace {

Graph reread(const std::string& file) { return parse_onnx(std::as_bytes(std::span(file)), "test.onnx"); }

/// Both graphs have the same nodes on tensors with the same names, constants and quantization.
void expect_same_graph(const Graph& a, const Graph& b) {
  const auto expect_same_tensor = [&](TensorId in_a, TensorId in_b) {
    const Tensor& x = a.tensor(in_a);
    const Tensor& y = b.tensor(in_b);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.type, y.type) << x.name;
    EXPECT_EQ(x.shape, y.shape) << x.name;
    EXPECT_EQ(x.quantization, y.quantization) << x.name;
    EXPECT_EQ(x.data, y.data) << x.name;
  };
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (size_t n = 0; n < a.nodes.size(); ++n) {
    EXPECT_EQ(a.nodes[n].name, b.nodes[n].name);
    EXPECT_EQ(a.nodes[n].op, b.nodes[n].op) << a.nodes[n].name;
    ASSERT_EQ(a.nodes[n].inputs.size(), b.nodes[n].inputs.size()) << a.nodes[n].name;
    for (size_t i = 0; i < a.nodes[n].inputs.size(); ++i) {
      expect_same_tensor(a.nodes[n].inputs[i], b.nodes[n].inputs[i]);
    }
    expect_same_tensor(a.nodes[n].outputs[0], b.nodes[n].outputs[0]);
  }
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (size_t i = 0; i < a.inputs.size(); ++i) expect_same_tensor(a.inputs[i], b.inputs[i]);
  ASSERT_EQ(a.outputs.size(), b.outputs.size());
  for (size_t i = 0; i < a.outputs.size(); ++i) expect_same_tensor(a.outputs[i], b.outputs[i]);
}

RC_GTEST_PROP(OnnxRoundTrip, a_float_graph_comes_back_as_it_was, (uint64_t seed)) {
  const Random random(seed);
  Graph graph = test::random_network(random);
  graph.metadata["data"] = "mnist";
  const std::string file = to_onnx(graph);
  const Graph again = reread(file);
  expect_same_graph(graph, again);
  RC_ASSERT(!testing::Test::HasFailure());
  RC_ASSERT(to_onnx(again) == file);
}

RC_GTEST_PROP(OnnxRoundTrip, varied_graphs_come_back_as_they_were, (uint64_t seed)) {
  const Random random(seed);
  for (const bool integer : {false, true}) {
    Graph graph = test::random_varied_network(random);
    if (integer) graph = quantized(graph, random.fork(1));
    const std::string file = to_onnx(graph);
    ::onnx::ModelProto model;
    RC_ASSERT(model.ParseFromString(file));
    ::onnx::checker::check_model(model);
    const Graph again = reread(file);
    expect_same_graph(graph, again);
    RC_ASSERT(!testing::Test::HasFailure());
    RC_ASSERT(to_onnx(again) == file);
  }
}

RC_GTEST_PROP(OnnxRoundTrip, graphs_of_int16_activations_come_back_as_they_were, (uint64_t seed)) {
  const Random random(seed);
  const Graph network = fuse_activations(fold_batch_norm(test::random_varied_network(random)));
  const Graph graph = quantized(network, random.fork(1), test::int16_options(network, random.fork(2)));
  const std::string file = to_onnx(graph);
  const Graph again = reread(file);
  expect_same_graph(graph, again);
  RC_ASSERT(!testing::Test::HasFailure());
  RC_ASSERT(to_onnx(again) == file);
}

RC_GTEST_PROP(OnnxRoundTrip, fused_float_graphs_come_back_fused, (uint64_t seed)) {
  const Graph graph = fuse_activations(fold_batch_norm(test::random_network(Random(seed))));
  const std::string file = to_onnx(graph);
  const Graph again = reread(file);
  expect_same_graph(graph, again);
  RC_ASSERT(!testing::Test::HasFailure());
  RC_ASSERT(to_onnx(again) == file);
}

RC_GTEST_PROP(OnnxRoundTrip, an_integer_graph_keeps_every_constant_scale_and_byte, (uint64_t seed)) {
  const Random random(seed);
  const Graph graph = quantized(test::random_network(random), random.fork(1));
  const std::string file = to_onnx(graph);
  const Graph again = reread(file);
  expect_same_graph(graph, again);
  RC_ASSERT(!testing::Test::HasFailure());
  std::vector<int8_t> input(graph.tensor(graph.inputs[0]).elements());
  Random values = random.fork(2);
  for (int8_t& value : input) value = static_cast<int8_t>(values.between(-128, 127));
  const auto bytes = std::as_bytes(std::span(input));
  RC_ASSERT(output_of(graph, bytes) == output_of(again, bytes));
  RC_ASSERT(to_onnx(again) == file);
}

RC_GTEST_PROP(OnnxRoundTrip, the_onnx_checker_accepts_every_file, (uint64_t seed)) {
  const Random random(seed);
  const Graph graph = test::random_network(random);
  for (const std::string& file : {to_onnx(graph), to_onnx(quantized(graph, random.fork(1)))}) {
    ::onnx::ModelProto model;
    RC_ASSERT(model.ParseFromString(file));
    ::onnx::checker::check_model(model);
  }
}

/// A graph built by hand, one tensor and one node after another.
struct Sketch {
  Graph graph;

  Sketch() { graph.name = "sketch"; }

  TensorId input(Shape shape) {
    Tensor tensor;
    tensor.name = "input_" + std::to_string(graph.inputs.size());
    tensor.shape = std::move(shape);
    graph.inputs.push_back(graph.add(std::move(tensor)));
    return graph.inputs.back();
  }

  template <typename T = float>
  TensorId constant(std::string name, Shape shape, DataType type = DataType::kFloat32) {
    Tensor tensor;
    tensor.name = std::move(name);
    tensor.type = type;
    tensor.shape = std::move(shape);
    std::vector<T> values(tensor.elements());
    Random random(graph.tensors.size());
    for (T& value : values) value = static_cast<T>(random.between(-7, 7));
    tensor.data = Tensor::to_bytes(std::span<const T>(values));
    return graph.add(std::move(tensor));
  }

  TensorId append(const Operator& op, std::vector<TensorId> inputs) {
    return graph.append(op, std::move(inputs), "node_" + std::to_string(graph.nodes.size()));
  }

  /// An activation in integers.
  TensorId quantized(TensorId id, float scale, int32_t zero_point) {
    graph.tensor(id).type = DataType::kInt8;
    graph.tensor(id).quantization = Quantization{{scale}, {zero_point}, -1, 8};
    return id;
  }

  void expect_round_trip(std::vector<TensorId> outputs) {
    graph.outputs = std::move(outputs);
    const std::string file = to_onnx(graph);
    ::onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(file));
    EXPECT_NO_THROW(::onnx::checker::check_model(model));
    const Graph again = reread(file);
    expect_same_graph(graph, again);
    EXPECT_EQ(to_onnx(again), file);
  }
};

TEST(OnnxRoundTrip, means_over_every_choice_of_axes_come_back) {
  for (const std::vector<int32_t>& axes : {std::vector{1}, {2}, {3}, {1, 2}, {2, 3}, {1, 2, 3}}) {
    for (const bool keep_dims : {false, true}) {
      Sketch s;
      s.expect_round_trip({s.append(Mean{axes, keep_dims}, {s.input({1, 3, 4, 5})})});
    }
  }
  Sketch s;
  s.expect_round_trip({s.append(Mean{{1}, false}, {s.input({1, 3, 4})})});
}

TEST(OnnxRoundTrip, reshapes_between_ranks_come_back_in_the_order_of_the_elements) {
  Sketch s;
  const TensorId image = s.append(Reshape{{1, 4, 3, 2}}, {s.input({1, 24})});
  const TensorId wide = s.append(Reshape{{1, 2, 6, 2}}, {image});
  const TensorId rows = s.append(Reshape{{1, 12, 2}}, {wide});
  s.expect_round_trip({s.append(Reshape{{1, -1}}, {rows})});
}

TEST(OnnxRoundTrip, concatenations_and_paddings_of_every_axis_come_back) {
  Sketch s;
  const TensorId x = s.input({1, 3, 4, 5});
  const TensorId columns = s.append(Concat{2}, {x, x});
  const TensorId rows = s.append(Concat{1}, {columns, columns, columns});
  s.expect_round_trip({s.append(Pad{{0, 1, 2, 3}, {0, 4, 5, 6}}, {rows})});
}

TEST(OnnxRoundTrip, a_softmax_with_beta_over_the_channels_comes_back) {
  Sketch s;
  const TensorId x = s.input({1, 3, 4, 5});
  s.expect_round_trip({s.append(Softmax{0.25F}, {x}), s.append(Softmax{}, {x})});
}

TEST(OnnxRoundTrip, broadcast_operands_keep_their_shapes) {
  Sketch s;
  const TensorId x = s.input({1, 3, 4, 5});
  const TensorId a = s.append(Add{Activation::kRelu6}, {x, s.constant("channels", {5})});
  const TensorId b = s.append(Mul{Activation::kRelu}, {s.constant("columns", {4, 5}), a});
  const TensorId c = s.append(Mul{}, {b, s.constant("one", {1})});
  const TensorId d = s.append(Add{}, {c, s.constant("image", {1, 3, 4, 5})});
  const TensorId mean = s.append(Mean{{1, 2}, true}, {d});
  s.expect_round_trip({s.append(Mul{}, {d, mean})});
}

TEST(OnnxRoundTrip, a_sum_of_different_ranks_keeps_its_value) {
  Sketch s;
  const TensorId x = s.input({1, 3, 4, 5});
  const TensorId channels = s.append(Mean{{1, 2}, false}, {x});
  s.graph.outputs = {s.append(Add{}, {x, channels})};
  const std::string file = to_onnx(s.graph);
  const Graph again = reread(file);
  const auto input = test::random_input(s.graph, Random(1));
  EXPECT_EQ(test::run_float32(again, input), test::run_float32(s.graph, input));
  EXPECT_EQ(to_onnx(again), file);
}

TEST(OnnxRoundTrip, a_convolution_on_one_channel_stays_what_it_was) {
  Sketch s;
  const TensorId x = s.input({1, 6, 6, 1});
  Conv2D conv;
  DepthwiseConv2D depthwise;
  depthwise.multiplier = 3;
  const TensorId a = s.append(conv, {x, s.constant("a", {3, 2, 2, 1})});
  const TensorId b = s.append(depthwise, {x, s.constant("b", {1, 2, 2, 3})});
  conv.groups = 3;
  s.expect_round_trip({s.append(conv, {a, s.constant("c", {3, 1, 1, 1})}), b});
}

TEST(OnnxRoundTrip, weights_of_four_bits_stay_four_bits) {
  Sketch s;
  const TensorId x = s.quantized(s.input({1, 2, 2, 3}), 0.5F, 3);
  const TensorId weights = s.constant<int8_t>("weights", {3, 1, 1, 3}, DataType::kInt8);
  Tensor& tensor = s.graph.tensor(weights);
  tensor.type = DataType::kInt4;
  tensor.data = packed_int4(*tensor.data);
  tensor.quantization = Quantization{{0.25F, 0.5F, 0.125F}, {0, 0, 0}, 0, 4};
  const TensorId bias = s.constant<int32_t>("bias", {3}, DataType::kInt32);
  s.graph.tensor(bias).quantization = Quantization{{0.125F, 0.25F, 0.0625F}, {0, 0, 0}, 0, 32};
  s.expect_round_trip(
      {s.quantized(s.append(Conv2D{.activation = Activation::kRelu}, {x, weights, bias}), 0.75F, -20)});
}

TEST(OnnxRoundTrip, integer_networks_between_float_inputs_and_outputs_come_back) {
  Sketch s;
  const TensorId x = s.input({1, 2, 2, 3});
  const TensorId q = s.quantized(s.append(Quantize{}, {x}), 0.5F, 3);
  const TensorId r = s.quantized(s.append(Relu6{}, {q}), 0.25F, -128);
  const TensorId other = s.quantized(s.append(Quantize{}, {r}), 0.125F, 1);
  const TensorId y = s.append(Dequantize{}, {other});
  s.graph.tensor(y).type = DataType::kFloat32;
  s.expect_round_trip({y});
}

TEST(OnnxRoundTrip, an_output_that_is_an_input_or_stands_twice_comes_back) {
  Sketch s;
  const TensorId x = s.input({1, 4});
  const TensorId y = s.append(Relu{}, {x});
  s.expect_round_trip({y, x, y});
}

TEST(OnnxRoundTrip, tensors_that_share_a_name_or_have_none_are_told_apart) {
  Sketch s;
  const TensorId x = s.input({1, 4});
  const TensorId a = s.append(Relu{}, {x});
  const TensorId b = s.append(Relu6{}, {a});
  for (const TensorId id : {x, a, b}) s.graph.tensor(id).name = id == b ? "" : "same";
  s.graph.outputs = {b};
  const Graph again = reread(to_onnx(s.graph));
  const auto input = test::random_input(s.graph, Random(1));
  EXPECT_EQ(test::run_float32(again, input), test::run_float32(s.graph, input));
}

TEST(Model, is_read_and_written_by_its_extension) {
  const TemporaryFolder folder;
  const Graph graph = test::random_network(Random(3));
  formats::write_model(graph, folder.path() / "a.onnx");
  expect_same_graph(graph, formats::read_model(folder.path() / "a.onnx"));
  test::expect_error([&] { formats::write_model(graph, folder.path() / "a.h5"); },
                     {"a.h5", ".onnx or .tflite"});
}

}  // namespace
}  // namespace thimble::onnx
