#include "graph/quantize_from_ranges.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/builder.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"
#include "support/random_network.h"

namespace thimble {
namespace {

std::span<const float> floats(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

void run_on(ReferenceRun& run, std::span<const std::byte> input) {
  const std::span<const std::byte> inputs[] = {input};
  run.run(inputs);
}

/// The range that every activation takes on these inputs.
std::vector<Range> observed_ranges(const Graph& graph, const std::vector<std::vector<float>>& inputs) {
  std::vector<Range> ranges(graph.tensors.size(), {INFINITY, -INFINITY});
  ReferenceRun run(graph);
  for (const auto& input : inputs) {
    run_on(run, std::as_bytes(std::span(input)));
    for (size_t id = 0; id < ranges.size(); ++id) {
      if (graph.tensors[id].is_constant()) continue;
      for (const float value : floats(run.bytes(static_cast<TensorId>(id)))) {
        ranges[id] = {std::min(ranges[id].low, value), std::max(ranges[id].high, value)};
      }
    }
  }
  return ranges;
}

std::vector<int8_t> quantized(const Tensor& tensor, std::span<const float> values) {
  std::vector<int8_t> result;
  for (const float value : values) {
    const float rounded = std::round(value / tensor.quantization->scales[0]);
    result.push_back(static_cast<int8_t>(
        std::clamp(rounded + static_cast<float>(tensor.quantization->zero_points[0]), -128.0F, 127.0F)));
  }
  return result;
}

float real(const Tensor& tensor, std::byte value) {
  return tensor.quantization->scales[0] *
         static_cast<float>(static_cast<int8_t>(value) - tensor.quantization->zero_points[0]);
}

Graph deployable(uint64_t seed) {
  return fuse_activations(fold_batch_norm(test::random_network(Random(seed))));
}

bool has_batch_norm(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op)) return true;
  }
  return false;
}

TEST(QuantizeFromRanges, random_networks_stay_within_quantization_error_of_float) {
  int compared = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = deployable(seed);
    if (has_batch_norm(graph)) continue;
    std::vector<std::vector<float>> inputs;
    for (uint64_t i = 0; i < 4; ++i) inputs.push_back(test::random_input(graph, Random(seed).fork(i)));
    const Graph integer = quantize_from_ranges(graph, observed_ranges(graph, inputs));
    ReferenceRun float_run(graph);
    ReferenceRun integer_run(integer);
    double squared_error = 0;
    double squared_span = 0;
    for (const auto& input : inputs) {
      run_on(float_run, std::as_bytes(std::span(input)));
      const std::vector<int8_t> integer_input = quantized(integer.tensor(integer.inputs[0]), input);
      run_on(integer_run, std::as_bytes(std::span(integer_input)));
      const auto expected = floats(float_run.bytes(graph.outputs[0]));
      const auto actual = integer_run.bytes(integer.outputs[0]);
      const Tensor& output = integer.tensor(integer.outputs[0]);
      for (size_t i = 0; i < expected.size(); ++i) {
        const double span = 255.0 * output.quantization->scales[0];
        squared_error += std::pow(expected[i] - real(output, actual[i]), 2);
        squared_span += span * span;
      }
    }
    // A layer adds an error of about a step in 255; ten of them stay well below a tenth of the range.
    EXPECT_LT(std::sqrt(squared_error / squared_span), 0.05);
    ++compared;
  }
  EXPECT_GT(compared, 100) << "too few networks without a batch norm that cannot be folded";
}

struct Small {
  Graph graph;
  std::vector<Range> ranges;
};

Small conv_pool_softmax() {
  GraphBuilder b("small", 3);
  TensorId x = b.input("image", {1, 8, 8, 2});
  x = b.conv2d(x, 4, {.bias = true});
  x = b.max_pool(x, 2, 2);
  x = b.average_pool(x, 2, 2);
  x = b.flatten(x);
  Small s{b.finish({b.softmax(b.fully_connected(x, 3))}), {}};
  s.ranges.assign(s.graph.tensors.size(), {-1, 3});
  return s;
}

const Node& node_of(const Graph& graph, std::string_view op) {
  for (const Node& node : graph.nodes) {
    if (name_of(node.op) == op) return node;
  }
  throw std::runtime_error("no such node");
}

TEST(QuantizeFromRanges, operators_that_only_move_values_share_one_scale) {
  Small s = conv_pool_softmax();
  s.ranges[static_cast<size_t>(node_of(s.graph, "Reshape").outputs[0])] = {-2, 0.5F};
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  const auto& first = q.tensor(node_of(q, "MaxPool2D").inputs[0]).quantization;
  EXPECT_EQ(first->scales[0], 5.0F / 255) << "the union of all ranges in the chain";
  for (const char* op : {"MaxPool2D", "AveragePool2D", "Reshape"}) {
    EXPECT_EQ(q.tensor(node_of(q, op).outputs[0]).quantization, first) << op;
  }
}

TEST(QuantizeFromRanges, input_of_0_to_1_takes_bytes_less_128) {
  Small s = conv_pool_softmax();
  s.ranges[static_cast<size_t>(s.graph.inputs[0])] = {0, 1};
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  EXPECT_EQ(q.tensor(q.inputs[0]).quantization, (Quantization{{1.0F / 255}, {-128}, -1, 8}));
}

TEST(QuantizeFromRanges, softmax_gives_256ths) {
  const Small s = conv_pool_softmax();
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  EXPECT_EQ(q.tensor(q.outputs[0]).quantization, (Quantization{{1.0F / 256}, {-128}, -1, 8}));
}

TEST(QuantizeFromRanges, scores_that_hardly_differ_still_have_a_softmax) {
  Small s = conv_pool_softmax();
  s.ranges[static_cast<size_t>(node_of(s.graph, "Softmax").inputs[0])] = {-1e-7F, 1e-7F};
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  ReferenceRun run(q);
  const std::vector<std::byte> input(q.tensor(q.inputs[0]).bytes());
  const std::span<const std::byte> inputs[] = {input};
  run.run(inputs);
  for (const std::byte byte : run.bytes(q.outputs[0]))
    EXPECT_NEAR(static_cast<int8_t>(byte), 256 / 3 - 128, 1);
}

TEST(QuantizeFromRanges, weights_are_symmetric_per_channel_and_biases_at_the_product_of_scales) {
  const Small s = conv_pool_softmax();
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  const Node& conv = node_of(q, "Conv2D");
  const Tensor& w = q.tensor(conv.inputs[1]);
  const Tensor& b = q.tensor(conv.inputs[2]);
  ASSERT_EQ(w.quantization->axis, 0);
  ASSERT_EQ(w.quantization->scales.size(), 4U);
  EXPECT_EQ(w.quantization->zero_points, std::vector<int32_t>(4, 0));
  EXPECT_EQ(b.type, DataType::kInt32);
  for (size_t channel = 0; channel < 4; ++channel) {
    const auto row = w.values<int8_t>().subspan(channel * 18, 18);
    EXPECT_EQ(std::abs(*std::max_element(row.begin(), row.end(),
                                         [](int8_t x, int8_t y) { return std::abs(x) < std::abs(y); })),
              127);
    const float input_scale = q.tensor(conv.inputs[0]).quantization->scales[0];
    EXPECT_FLOAT_EQ(b.quantization->scales[channel], input_scale * w.quantization->scales[channel]);
  }
}

/// One dense layer (2 -> 2) whose channels are extreme.
Small dense(std::vector<float> weights, std::vector<float> bias) {
  GraphBuilder b("dense", 1);
  const TensorId x = b.input("x", {1, 2});
  Small s{b.finish({b.fully_connected(x, 2)}), {}};
  const Node& node = s.graph.nodes[0];
  s.graph.tensor(node.inputs[1]).data = Tensor::to_bytes<float>(weights);
  s.graph.tensor(node.inputs[2]).data = Tensor::to_bytes<float>(bias);
  s.ranges.assign(s.graph.tensors.size(), {-1, 1});
  s.ranges[static_cast<size_t>(s.graph.outputs[0])] = {-4, 4};
  return s;
}

std::vector<float> run_quantized(const Small& s, std::vector<float> input) {
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  ReferenceRun run(q);
  const std::vector<int8_t> integer_input = quantized(q.tensor(q.inputs[0]), input);
  run_on(run, std::as_bytes(std::span(integer_input)));
  std::vector<float> result;
  for (const std::byte value : run.bytes(q.outputs[0])) result.push_back(real(q.tensor(q.outputs[0]), value));
  return result;
}

TEST(QuantizeFromRanges, a_channel_without_weights_keeps_its_bias) {
  const auto y = run_quantized(dense({0, 0, 1, 1}, {3, 0.5F}), {1, -1});
  EXPECT_NEAR(y[0], 3, 8.0 / 255);
  EXPECT_NEAR(y[1], 0.5, 8.0 / 255);
}

TEST(QuantizeFromRanges, a_channel_without_weights_keeps_its_bias_whatever_scale_is_given) {
  const Small s = dense({0, 0, 1, 1}, {3.013F, 0.5F});
  const Graph q =
      quantize_from_ranges(s.graph, s.ranges, {.layers = {{s.graph.nodes[0].name, {4, {1, 1.0F / 7}}}}});
  const Tensor& bias = q.tensor(q.nodes[0].inputs[2]);
  const float step = bias.quantization->scales[0];
  EXPECT_NEAR(static_cast<float>(bias.values<int32_t>()[0]) * step, 3.013F, 1e-3);
}

TEST(QuantizeFromRanges, a_channel_without_weights_and_bias_is_zero) {
  EXPECT_EQ(run_quantized(dense({0, 0, 0, 0}, {0, 0}), {1, 1}), (std::vector<float>{0, 0}));
}

TEST(QuantizeFromRanges, a_bias_too_large_for_its_channels_weights_survives) {
  const auto y = run_quantized(dense({1e-12F, 1e-12F, 1, 1}, {-3.5F, 0}), {1, 1});
  EXPECT_NEAR(y[0], -3.5, 8.0 / 255);
}

TEST(QuantizeFromRanges, a_dead_activation_has_a_scale) {
  Small s = dense({0, 0, 0, 0}, {0, 0});
  for (Range& range : s.ranges) range = {0, 0};
  EXPECT_EQ(run_quantized(s, {0, 0}), (std::vector<float>{0, 0}));
}

TEST(QuantizeFromRanges, a_range_that_leaves_zero_out_is_widened_to_hold_it) {
  Small s = conv_pool_softmax();
  s.ranges[static_cast<size_t>(s.graph.inputs[0])] = {2, 4};
  const Graph q = quantize_from_ranges(s.graph, s.ranges);
  EXPECT_EQ(q.tensor(q.inputs[0]).quantization, (Quantization{{4.0F / 255}, {-128}, -1, 8}));
}

TEST(QuantizeFromRanges, softmax_changes_its_scale_before_a_concat_with_something_else) {
  GraphBuilder b("heads", 1);
  const TensorId x = b.input("x", {1, 4});
  const TensorId probabilities = b.softmax(b.fully_connected(x, 2));
  const TensorId values = b.fully_connected(x, 2);
  Graph graph = b.finish({probabilities, values});
  graph.outputs = {graph.append(Concat{1}, {probabilities, values}, "both")};
  std::vector<Range> ranges(graph.tensors.size(), {-5, 5});
  ranges[static_cast<size_t>(probabilities)] = {0, 1};
  const Graph q = quantize_from_ranges(graph, ranges);
  EXPECT_EQ(q.tensor(q.outputs[0]).quantization->scales[0], 10.0F / 255);
  EXPECT_EQ(q.tensor(probabilities).quantization->scales[0], 1.0F / 256);
  EXPECT_NO_THROW(ReferenceRun{q});
}

TEST(QuantizeFromRanges, one_weight_tensor_of_two_layers_serves_both) {
  GraphBuilder b("shared", 1);
  TensorId x = b.input("x", {1, 2});
  x = b.fully_connected(x, 2);
  Graph graph = b.finish({b.fully_connected(x, 2)});
  graph.nodes[1].inputs[1] = graph.nodes[0].inputs[1];
  graph.nodes[1].inputs[2] = graph.nodes[0].inputs[2];
  graph.tensor(graph.nodes[0].inputs[2]).data = Tensor::to_bytes<float>(std::vector<float>{0.7F, -0.3F});
  std::vector<Range> ranges(graph.tensors.size(), {-1, 1});
  ranges[static_cast<size_t>(x)] = {-3, 3};
  const Graph q = quantize_from_ranges(graph, ranges);
  EXPECT_EQ(q.nodes[1].inputs[1], q.nodes[0].inputs[1]);
  for (const Node& node : q.nodes) {
    const Tensor& bias = q.tensor(node.inputs[2]);
    EXPECT_NEAR(bias.values<int32_t>()[0] * bias.quantization->scales[0], 0.7, 1e-3) << node.name;
  }
}

TEST(QuantizeFromRanges, narrow_weights_are_the_nearest_of_their_few_steps) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Graph graph = deployable(seed);
    const std::vector<Range> ranges = observed_ranges(graph, {test::random_input(graph, Random(seed))});
    for (const int32_t bits : {2, 3, 4}) {
      const Graph q = quantize_from_ranges(graph, ranges, {.bits = bits});
      for (size_t n = 0; n < q.nodes.size(); ++n) {
        if (!has_weights(q.nodes[n].op)) continue;
        const Tensor& integers = q.tensor(q.nodes[n].inputs[1]);
        const Tensor& reals = graph.tensor(graph.nodes[n].inputs[1]);
        EXPECT_EQ(integers.type, DataType::kInt4);
        EXPECT_EQ(integers.quantization->bits, bits);
        const auto axis = static_cast<size_t>(output_channel_axis(q.nodes[n].op));
        const auto channels = static_cast<size_t>(integers.shape[axis]);
        ASSERT_EQ(integers.quantization->scales.size(), channels);
        const std::vector<int8_t> values = int8_values(integers);
        for (size_t i = 0; i < values.size(); ++i) {
          const size_t channel = axis == 3 ? i % channels : i / (values.size() / channels);
          const float scale = integers.quantization->scales[channel];
          EXPECT_LE(std::abs(values[i]), largest_weight(bits));
          EXPECT_LE(std::abs(reals.values<float>()[i] - scale * values[i]), 0.5001F * scale);
        }
      }
      EXPECT_NO_THROW(ReferenceRun{q});
    }
  }
}

TEST(QuantizeFromRanges, takes_bits_and_scales_layer_by_layer) {
  GraphBuilder b("layers", 1);
  const TensorId x = b.conv2d(b.input("x", {1, 4, 4, 2}), 3, {.bias = true});
  const Graph graph = b.finish({b.fully_connected(b.flatten(x), 2)});
  const std::vector<Range> ranges(graph.tensors.size(), {-1, 1});
  const std::string conv = graph.nodes[0].name;
  const Graph q = quantize_from_ranges(graph, ranges, {.layers = {{conv, {4, {0.5F, 0.25F, 0.125F}}}}});
  const Tensor& weights = q.tensor(q.nodes[0].inputs[1]);
  EXPECT_EQ(weights.type, DataType::kInt4);
  EXPECT_EQ(weights.quantization->scales, (std::vector<float>{0.5F, 0.25F, 0.125F}));
  EXPECT_EQ(q.tensor(q.nodes.back().inputs[1]).type, DataType::kInt8);

  const auto refuse = [&](const QuantizeOptions& options, std::string_view reason) {
    test::expect_error([&] { quantize_from_ranges(graph, ranges, options); }, std::string(reason));
  };
  refuse({.bits = 5}, "5 bits");
  refuse({.layers = {{conv, {1}}}}, "1 bits");
  refuse({.layers = {{"nobody", {4}}}}, "nobody");
  refuse({.layers = {{conv, {4, {1, 1}}}}}, "3 output channels");
  refuse({.layers = {{conv, {4, {1, 0, 1}}}}}, "not positive");
}

TEST(QuantizeFromRanges, activations_of_16_bits_are_symmetric_and_a_quantize_parts_them_from_those_of_8) {
  GraphBuilder b("layers", 1);
  const TensorId y = b.conv2d(b.input("x", {1, 4, 4, 2}), 3, {.bias = true});
  const TensorId z = b.conv2d(y, 3, {.bias = true});
  const Graph graph = b.finish({b.add(y, z)});
  const std::vector<Range> ranges(graph.tensors.size(), {-1, 3});
  const std::string first = graph.nodes[0].name;
  const std::string second = graph.nodes[1].name;
  const auto operators = [&](const QuantizeOptions& options) {
    std::string text;
    const Graph q = quantize_from_ranges(graph, ranges, options);
    for (const Node& node : q.nodes) {
      const Tensor& output = q.tensor(node.outputs[0]);
      const bool is_int16 = output.type == DataType::kInt16;
      text += (text.empty() ? "" : " ") + std::string(name_of(node.op)) + (is_int16 ? "16" : "8");
      EXPECT_EQ(output.quantization->bits, is_int16 ? 16 : 8);
      if (is_int16) {
        EXPECT_EQ(output.quantization->zero_points[0], 0);
        EXPECT_FLOAT_EQ(output.quantization->scales[0], 3.0F / 32767);
      }
      if (node.inputs.size() == 3) {
        EXPECT_EQ(q.tensor(node.inputs[2]).type, is_int16 ? DataType::kInt64 : DataType::kInt32);
      }
    }
    return text;
  };
  EXPECT_EQ(operators({.activations = 16}), "Conv2D16 Conv2D16 Add16");
  EXPECT_EQ(operators({.layer_activations = {{second, 16}}}), "Conv2D8 Quantize16 Conv2D16 Quantize8 Add8");
  // Both readers of the first layer's output share one Quantize.
  EXPECT_EQ(operators({.activations = 16, .layer_activations = {{first, 8}}}),
            "Quantize8 Conv2D8 Quantize16 Conv2D16 Add16");

  const auto refuse = [&](const QuantizeOptions& options, const std::string& reason) {
    test::expect_error([&] { quantize_from_ranges(graph, ranges, options); }, reason);
  };
  refuse({.activations = 12}, "12 bits");
  refuse({.layer_activations = {{first, 4}}}, "4 bits");
  refuse({.layer_activations = {{"nobody", 16}}}, "nobody");
  Graph without_form;
  without_form.inputs = {without_form.add({.name = "x", .shape = {1, 4}})};
  without_form.outputs = {without_form.append(LeakyRelu{}, without_form.inputs, "leaky")};
  test::expect_error(
      [&] {
        quantize_from_ranges(without_form, std::vector<Range>(without_form.tensors.size(), {-1, 1}),
                             {.activations = 16});
      },
      "Keep this layer's activations at int8");
}

TEST(QuantizeFromRanges, what_cannot_be_quantized_is_an_error) {
  Small s = conv_pool_softmax();
  const TensorId flat = node_of(s.graph, "Reshape").outputs[0];
  const std::string name = s.graph.tensor(flat).name;
  s.ranges[static_cast<size_t>(flat)] = {0, INFINITY};
  test::expect_error([&] { quantize_from_ranges(s.graph, s.ranges); }, name);
  s.ranges.clear();
  test::expect_error([&] { quantize_from_ranges(s.graph, s.ranges); }, "no calibrated range");

  const Small nan = dense({NAN, 0, 1, 1}, {0, 0});
  test::expect_error([&] { quantize_from_ranges(nan.graph, nan.ranges); }, "not finite");

  const Small once = conv_pool_softmax();
  const Graph q = quantize_from_ranges(once.graph, once.ranges);
  test::expect_error([&] { quantize_from_ranges(q, std::vector<Range>(q.tensors.size())); },
                     "quantized already");

  GraphBuilder b("norm", 1);
  const Graph norm = b.finish({b.batch_norm(b.input("x", {1, 2, 2, 1}))});
  test::expect_error([&] { quantize_from_ranges(norm, std::vector<Range>(norm.tensors.size())); },
                     "BatchNorm");
}

}  // namespace
}  // namespace thimble
