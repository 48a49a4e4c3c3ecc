#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include <algorithm>
#include <limits>
#include <tuple>

#include "formats/onnx/layout.h"
#include "formats/onnx/onnx.h"
#include "formats/onnx_models.h"
#include "graph/builder.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"
#include "support/random_network.h"

namespace thimble::onnx {
namespace {

Graph parse(const ::onnx::ModelProto& model) {
  const std::string file = model.SerializeAsString();
  return parse_onnx(std::as_bytes(std::span(file)), "model.onnx");
}

std::string operators_of(const Graph& graph) {
  std::string names;
  for (const Node& node : graph.nodes) names += (names.empty() ? "" : " ") + std::string(name_of(node.op));
  return names;
}

class OnnxForms : public testing::TestWithParam<ForeignCase> {};

TEST_P(OnnxForms, becomes_the_operators_it_means_and_no_others) {
  EXPECT_EQ(operators_of(parse(GetParam().model)), GetParam().operators);
}

TEST_P(OnnxForms, is_written_and_read_again_with_the_same_result) {
  const Graph graph = parse(GetParam().model);
  const std::string file = to_onnx(graph);
  const Graph again = parse_onnx(std::as_bytes(std::span(file)), "again.onnx");
  EXPECT_EQ(operators_of(again), operators_of(graph));
  const auto input = test::random_input(graph, Random(3));
  EXPECT_EQ(test::run_float32(again, input), test::run_float32(graph, input));
  EXPECT_EQ(to_onnx(again), file);
}

INSTANTIATE_TEST_SUITE_P(Foreign, OnnxForms, testing::ValuesIn(foreign_cases()),
                         [](const auto& instance) { return instance.param.name; });

TEST(OnnxImport, an_open_batch_is_one) {
  const Graph graph = parse(foreign_cases()[0].model);
  EXPECT_EQ(graph.tensor(graph.inputs[0]).shape, (Shape{1, 9, 8, 3}));
}

TEST(OnnxImport, a_graph_without_a_name_of_its_own_has_the_file_s) {
  auto model = foreign_model("torch_jit (float[1,2] x) => (float[1,2] y) { y = Relu (x) }", {});
  EXPECT_EQ(parse(model).name, "model");
  model.mutable_graph()->set_name("own");
  EXPECT_EQ(parse(model).name, "own");
}

TEST(OnnxImport, batch_norms_and_biases_that_share_zeros_and_ones_learn_apart) {
  auto model = foreign_model(
      "g (float[1,2,3,3] x) => (float[1,2,3,3] y) { a = BatchNormalization (x, one, zero, zero, one) "
      "c = Conv (a, w, zero) d = Conv (c, w, zero) y = BatchNormalization (d, one, zero, zero, one) }",
      {});
  add_floats(model, "one", {2}, {1, 1});
  add_floats(model, "zero", {2}, {0, 0});
  add_floats(model, "w", {2, 2, 1, 1}, {1, 2, 3, 4});
  const Graph graph = parse(model);
  std::multiset<TensorId> read;
  for (const Node& node : graph.nodes) {
    for (size_t i = 1; i < node.inputs.size(); ++i) read.insert(node.inputs[i]);
  }
  for (const TensorId id : read) EXPECT_EQ(read.count(id), graph.tensor(id).shape.size() == 4 ? 2U : 1U);
  EXPECT_EQ(read.size(), 12U);
}

TEST(OnnxImport, a_mean_over_the_first_of_five_axes_comes_back_as_it_was_written) {
  GraphBuilder builder("mean", 3);
  Graph graph = builder.finish({builder.input("x", {1, 2, 3, 4, 5})});
  graph.outputs = {graph.append(Mean{{1}, false}, {graph.inputs[0]}, "mean")};
  Tensor weights{.name = "w", .shape = {2, 3, 3, 5}};
  std::vector<float> values(weights.elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.1F * static_cast<float>(i % 11) - 0.5F;
  weights.data = Tensor::to_bytes(std::span<const float>(values));
  const TensorId w = graph.add(std::move(weights));
  graph.outputs = {graph.append(Conv2D{}, {graph.outputs[0], w}, "conv")};
  validate(graph);
  const std::string file = to_onnx(graph);
  const Graph again = parse_onnx(std::as_bytes(std::span(file)), "again.onnx");
  const auto input = test::random_input(graph, Random(3));
  const auto expected = test::run_float32(graph, input);
  const auto actual = test::run_float32(again, input);
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(expected[i], actual[i], 1e-5F) << i;
}

TEST(OnnxImport, a_network_fed_with_nhwc_keeps_it) {
  for (const ForeignCase& form : foreign_cases()) {
    if (form.name != "keras_transposes") continue;
    const Graph graph = parse(form.model);
    EXPECT_EQ(graph.tensor(graph.inputs[0]).shape, (Shape{1, 6, 7, 3}));
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 3, 4, 4}));
  }
}

TEST(OnnxImport, integers_without_a_zero_point_have_the_type_that_is_named) {
  const auto model_of = [](const std::string& attribute) {
    auto model = foreign_model("g (float[1, 4] x) => (float[1, 4] y) { q = QuantizeLinear" + attribute +
                                   " (x, s) y = DequantizeLinear (q, s) }",
                               {}, 21);
    add_floats(model, "s", {}, {0.0078125F});
    return model;
  };
  const auto results = [](const Graph& graph) {
    return test::run_float32(graph, std::vector<float>{-2, 0.5F, 0.75F, 3});
  };
  EXPECT_EQ(results(parse(model_of(""))), (std::vector<float>{0, 0.5F, 0.75F, 1.9921875F}));
  EXPECT_EQ(results(parse(model_of("<output_dtype = 3>"))),
            (std::vector<float>{-1, 0.5F, 0.75F, 0.9921875F}));
  EXPECT_EQ(results(parse(model_of("<output_dtype = 5>"))), (std::vector<float>{-2, 0.5F, 0.75F, 3}));
  test::expect_error([&] { parse(model_of("<output_dtype = 22>")); }, "type 22");
}

TEST(OnnxImport, dense_weights_behind_a_flatten_take_the_order_of_the_image) {
  auto model = foreign_model(
      "g (float[1,2,1,3] x) => (float[1,1] y) { f = Flatten (x) y = Gemm <transB = 1> (f, v) }", {});
  add_floats(model, "v", {1, 6}, {10, 11, 12, 20, 21, 22});
  const Graph graph = parse(model);
  const auto weights = graph.tensor(graph.nodes[1].inputs[1]).values<float>();
  EXPECT_EQ(std::vector<float>(weights.begin(), weights.end()), (std::vector<float>{10, 20, 11, 21, 12, 22}));
}

TEST(OnnxImport, integers_of_uint8_activations_move_by_128) {
  const Graph graph = parse(foreign_cases().back().model);
  const Tensor& image = graph.tensor(graph.nodes[1].outputs[0]);
  EXPECT_EQ(image.type, DataType::kInt8);
  EXPECT_EQ(image.quantization->zero_points, std::vector<int32_t>{-128});
  EXPECT_EQ(fused_activation(graph.nodes[1].op), Activation::kRelu);
  EXPECT_EQ(graph.tensor(graph.nodes[1].inputs[1]).type, DataType::kInt8);
  EXPECT_EQ(graph.tensor(graph.nodes[1].inputs[2]).type, DataType::kInt32);
}

TEST(OnnxImport, weights_quantized_under_float_activations_become_float) {
  auto model = foreign_model(R"(
      g (float[1,2] x) => (float[1,2] y) {
        w = DequantizeLinear <axis = 0> (q, s, z)
        y = Gemm <transB = 1> (x, w)
      })",
                             {});
  add_quantized(model, "q", ::onnx::TensorProto::INT8, {2, 2}, {1, 2, 3, 4});
  add_floats(model, "s", {2}, {0.5F, 0.25F});
  add_quantized(model, "z", ::onnx::TensorProto::INT8, {2}, {0, 1});
  const Graph graph = parse(model);
  const auto weights = graph.tensor(graph.nodes[0].inputs[1]).values<float>();
  EXPECT_EQ(std::vector<float>(weights.begin(), weights.end()), (std::vector<float>{0.5F, 1, 0.5F, 0.75F}));
}

TEST(OnnxImport, an_unsupported_operator_is_named_with_its_node_and_what_to_do) {
  auto model = foreign_model("g (float[1,4] x) => (float[1,4] y) { y = Erf (x) }", {});
  model.mutable_graph()->mutable_node(0)->set_name("encoder.gelu");
  test::expect_error([&] { parse(model); },
                     {"model.onnx", "Erf 'encoder.gelu'", "not supported", "Relu", "docs/operators.md"});
}

TEST(OnnxImport, extents_left_open_are_refused) {
  const auto model = foreign_model("g (float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Relu (x) }", {});
  test::expect_error([&] { parse(model); }, {"Input 'x'", "axis 2", "fixed extents"});
}

TEST(OnnxImport, data_in_another_file_is_refused) {
  auto model = foreign_model("g (float[1,4] x) => (float[1,2] y) { y = MatMul (x, w) }", {"w 4 2"});
  auto* tensor = model.mutable_graph()->mutable_initializer(0);
  tensor->clear_float_data();
  tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
  auto* entry = tensor->add_external_data();
  entry->set_key("location");
  entry->set_value("/etc/passwd");
  test::expect_error([&] { parse(model); }, {"Constant 'w'", "another file", "save_as_external_data=False"});
}

TEST(OnnxImport, everything_that_is_unsupported_is_named_at_once) {
  auto model = foreign_model(R"(
      g (float[1,3,6,6] x, float16[1,3] other) => (float[1,4,6,6] y) {
        a = Erf (x)
        b = Conv <kernel_shape = [3,3], pads = [1,1,1,1]> (a, w)
        c = InstanceNormalization (b, s, s)
        d = AveragePool <kernel_shape = [2,2], dilations = [2,2]> (c)
        e = LSTM (d, d, d)
        y = Relu (e)
      })",
                             {"w 4 3 3 3", "s 4"});
  const std::string text = test::error_of([&] { parse(model); });
  for (const char* part : {"5 things", "Input 'other'", "Erf 'Erf_0'", "InstanceNormalization",
                           "BatchNormalization", "gaps (dilations)", "LSTM"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks " << part;
  }
  EXPECT_EQ(text.find("Relu_5"), std::string::npos) << text;
  try {
    parse(model);
    FAIL();
  } catch (const ModelError& error) {
    ASSERT_EQ(error.findings().size(), 5U);
    EXPECT_EQ(error.findings()[1].where, "Erf 'Erf_0'");
    EXPECT_FALSE(error.findings()[1].remedy.empty());
  }
}

/// The output of a model of one input for 0, 1, 2, ... in the file's order; images are NCHW there.
std::vector<float> output_for_count(const ::onnx::ModelProto& model) {
  const Graph graph = parse(model);
  const Shape& shape = graph.tensor(graph.inputs.at(0)).shape;
  std::vector<float> values(element_count(shape));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  auto bytes = Tensor::to_bytes(std::span<const float>(values));
  if (shape.size() == 4)
    bytes = permuted(bytes, sizeof(float), permuted(shape, kNchwFromNhwc), kNhwcFromNchw);
  const auto* given = reinterpret_cast<const float*>(bytes.data());
  const auto output = test::run_float32(graph, {given, values.size()});
  const Shape& result = graph.tensor(graph.outputs.at(0)).shape;
  if (result.size() != 4) return output;
  const auto back = permuted(std::as_bytes(std::span(output)), sizeof(float), result, kNchwFromNhwc);
  const auto* first = reinterpret_cast<const float*>(back.data());
  return {first, first + output.size()};
}

TEST(OnnxImport, a_reshape_that_mixes_channels_with_rows_moves_what_it_must) {
  auto model = foreign_model("g (float[1,4,6,6] x) => (float[1,8,3,6] y) { y = Reshape (x, s) }", {});
  add_integers(model, "s", {1, 8, 3, 6});
  EXPECT_EQ(operators_of(parse(model)), "Reshape Transpose Reshape");
  const std::vector<float> output = output_for_count(model);
  for (size_t i = 0; i < output.size(); ++i) ASSERT_EQ(output[i], static_cast<float>(i));
}

TEST(OnnxImport, a_flattened_image_as_output_comes_in_the_files_order) {
  const auto model = foreign_model("g (float[1,4,6,6] x) => (float[1,144] y) { y = Flatten (x) }", {});
  const std::vector<float> output = output_for_count(model);
  for (size_t i = 0; i < output.size(); ++i) ASSERT_EQ(output[i], static_cast<float>(i));
}

TEST(OnnxImport, what_is_computed_on_a_flattened_image_stays_when_it_takes_the_files_order) {
  const auto flat =
      foreign_model("g (float[1,4,6,6] x) => (float[1,144] y) { f = Flatten (x) y = Add (f, f) }", {});
  auto back = foreign_model(
      "g (float[1,4,6,6] x) => (float[1,4,6,6] y) { f = Flatten (x) d = Add (f, f) y = Reshape (d, s) }", {});
  add_integers(back, "s", {1, 4, 6, 6});
  for (const auto& model : {flat, back}) {
    std::vector<float> output = output_for_count(model);
    std::sort(output.begin(), output.end());
    for (size_t i = 0; i < output.size(); ++i) ASSERT_EQ(output[i], static_cast<float>(2 * i));
  }
  const std::vector<float> output = output_for_count(flat);
  for (size_t i = 0; i < output.size(); ++i) ASSERT_EQ(output[i], static_cast<float>(2 * i));
}

TEST(OnnxImport, weights_that_are_computed_are_refused) {
  const auto model =
      foreign_model("g (float[1,3,6,6] x, float[4,3,3,3] w) => (float[1,4,4,4] y) { y = Conv (x, w) }", {});
  test::expect_error([&] { parse(model); }, {"Conv", "'w'", "constant"});
}

TEST(OnnxImport, weights_whose_data_is_cut_are_refused) {
  auto model = foreign_model("g (float[1,4] x) => (float[1,2] y) { y = MatMul (x, w) }", {"w 4 2"});
  model.mutable_graph()->mutable_initializer(0)->set_dims(0, 1 << 20);
  test::expect_error([&] { parse(model); }, {"Constant 'w'", "its shape needs"});
}

TEST(OnnxImport, a_clip_to_other_bounds_becomes_a_maximum_and_a_minimum) {
  auto model = foreign_model("g (float[1,4] x) => (float[1,4] y) { y = Clip (x, low, high) }", {});
  add_floats(model, "low", {}, {-1});
  add_floats(model, "high", {}, {1});
  EXPECT_EQ(operators_of(parse(model)), "Maximum Minimum");
  EXPECT_EQ(output_for_count(model), (std::vector<float>{0, 1, 1, 1}));
}

TEST(OnnxImport, a_bias_of_one_row_has_one_scale_or_one_a_channel) {
  const auto model_of = [](const std::vector<int64_t>& shape, int axis, const std::vector<float>& scales) {
    auto model = foreign_model(R"(
        g (float[1,1] x) => (float[1,4] y) {
          xq = QuantizeLinear (x, one, z)  xd = DequantizeLinear (xq, one, z)
          wd = DequantizeLinear (w, one, z)
          bd = DequantizeLinear <axis = )" +
                                   std::to_string(axis) + R"(> (b, sb)
          g = Gemm <transB = 1> (xd, wd, bd)
          yq = QuantizeLinear (g, sy, z)  y = DequantizeLinear (yq, sy, z)
        })",
                               {});
    add_floats(model, "one", {}, {1});
    add_floats(model, "sy", {}, {100});
    add_floats(model, "sb", {static_cast<int64_t>(scales.size())}, scales);
    add_quantized(model, "z", ::onnx::TensorProto::INT8, {}, {0});
    add_quantized(model, "w", ::onnx::TensorProto::INT8, {4, 1}, {100, 100, 100, 100});
    add_quantized(model, "b", ::onnx::TensorProto::INT32, shape, {1000, 1000, 1000, 1000});
    return model;
  };
  const auto result = [&](const ::onnx::ModelProto& model) {
    return test::run_float32(parse(model), std::vector<float>{1});
  };
  EXPECT_EQ(result(model_of({1, 4}, 0, {1})), std::vector<float>(4, 1100));
  EXPECT_EQ(result(model_of({1, 4}, 1, {1, 2, 3, 4})), (std::vector<float>{1100, 2100, 3100, 4100}));
  const auto wrong = model_of({2, 2}, 0, {1, 1});
  test::expect_error([&] { parse(wrong); }, {"bias of 2x2 for 4 channels"});
  const auto few_scales = model_of({1, 4}, 1, {1, 1});
  test::expect_error([&] { parse(few_scales); }, {"not one scale for each index of its axis"});
}

TEST(OnnxImport, extents_that_no_tensor_has_are_refused) {
  auto reshaped =
      foreign_model("g (float[1,4] x) => (float[1,4] y) { c2 = Reshape (c, s) y = Add (x, c2) }", {});
  add_floats(reshaped, "c", {4}, {1, 2, 3, 4});
  add_integers(reshaped, "s", {-1, 4, int64_t{1} << 62});
  test::expect_error([&] { parse(reshaped); }, {"Reshape", "4611686018427387904"});

  for (const std::vector<int64_t>& sizes :
       std::vector<std::vector<int64_t>>{{1, std::numeric_limits<int64_t>::max(), 2}, {1, 1, 1}, {1, 2, 2}}) {
    auto split =
        foreign_model("g (float[1,4] x) => (float[1,2] y) { a, b, y = Split <axis = 1> (x, sizes) }", {});
    add_integers(split, "sizes", sizes);
    test::expect_error([&] { parse(split); }, {"Split", "splits 1x4 wrongly"});
  }
}

TEST(OnnxImport, a_mean_of_integers_is_taken_at_the_scale_of_its_input) {
  auto model = foreign_model(R"(
      g (float[1,1,2,2] x) => (float[1,1,1,1] y) {
        xq = QuantizeLinear (x, s, z)  xd = DequantizeLinear (xq, s, z)
        m = AveragePool <kernel_shape = [2,2]> (xd)
        yq = QuantizeLinear (m, t, z)  y = DequantizeLinear (yq, t, z)
      })",
                             {});
  add_floats(model, "s", {}, {0.1F});
  add_floats(model, "t", {}, {0.03F});
  add_quantized(model, "z", ::onnx::TensorProto::INT8, {}, {0});
  EXPECT_NEAR(test::run_float32(parse(model), std::vector<float>{10, 0, 0, 0})[0], 2.5, 0.06);
}

TEST(OnnxImport, an_axis_of_scales_may_be_counted_from_the_end) {
  for (const char* axis : {"1", "-1"}) {
    auto model =
        foreign_model(std::string("g (float[1,2] x) => (float[1,3] y) { w = DequantizeLinear <axis = ") +
                          axis + "> (q, s, z) y = MatMul (x, w) }",
                      {});
    add_quantized(model, "q", ::onnx::TensorProto::INT8, {2, 3}, {1, 1, 1, 1, 1, 1});
    add_floats(model, "s", {3}, {1, 10, 100});
    add_quantized(model, "z", ::onnx::TensorProto::INT8, {3}, {0, 0, 0});
    EXPECT_EQ(test::run_float32(parse(model), std::vector<float>{1, 1}), (std::vector<float>{2, 20, 200}))
        << axis;
  }
}

// What ONNX's reference says of each, as onnxruntime computes it: only some ways repeat each element.
TEST(OnnxImport, a_resize_repeats_elements_or_is_refused) {
  const auto model_of = [](const std::string& coordinates, const std::string& mode, float factor) {
    const auto columns = std::to_string(3 * static_cast<int>(factor));
    auto model = foreign_model("g (float[1,1,1,3] x) => (float[1,1,1," + columns +
                                   "] y) { y = Resize <coordinate_transformation_mode = \"" + coordinates +
                                   "\", nearest_mode = \"" + mode + "\"> (x, , f) }",
                               {});
    add_floats(model, "f", {4}, {1, 1, 1, factor});
    return model;
  };
  const std::vector<float> twice = {0, 0, 1, 1, 2, 2};
  EXPECT_EQ(output_for_count(model_of("half_pixel", "round_prefer_floor", 2)), twice);
  EXPECT_EQ(output_for_count(model_of("half_pixel", "round_prefer_ceil", 2)), twice);
  EXPECT_EQ(output_for_count(model_of("asymmetric", "floor", 2)), twice);
  EXPECT_EQ(output_for_count(model_of("asymmetric", "round_prefer_floor", 2)), twice);
  EXPECT_EQ(output_for_count(model_of("tf_half_pixel_for_nn", "floor", 2)), twice);
  EXPECT_EQ(output_for_count(model_of("asymmetric", "floor", 3)),
            (std::vector<float>{0, 0, 0, 1, 1, 1, 2, 2, 2}));
  for (const auto& [coordinates, mode, factor] : std::vector<std::tuple<std::string, std::string, float>>{
           {"half_pixel", "floor", 2.0F},
           {"half_pixel", "ceil", 2.0F},
           {"tf_half_pixel_for_nn", "round_prefer_floor", 2.0F},
           {"asymmetric", "ceil", 2.0F},
           {"asymmetric", "round_prefer_ceil", 2.0F},
           {"asymmetric", "round_prefer_floor", 3.0F}}) {
    const auto model = model_of(coordinates, mode, factor);
    test::expect_error([&] { parse(model); }, {"Resize", mode, "does not repeat"});
  }
}

TEST(OnnxImport, each_division_is_by_its_own_constant) {
  auto model =
      foreign_model("g (float[1,2] x) => (float[1,2] y) { a = Div (x, v) r = Sqrt (v) y = Div (a, r) }", {});
  add_floats(model, "v", {2}, {4, 16});
  const auto result = test::run_float32(parse(model), std::vector<float>{1, 1});
  EXPECT_FLOAT_EQ(result[0], 1.0F / 8);
  EXPECT_FLOAT_EQ(result[1], 1.0F / 64);
}

TEST(OnnxImport, rows_that_the_graph_does_not_keep_outermost_are_moved_there) {
  auto model = foreign_model(R"(
      g (float[1,2,1,2] x) => (float[2,1] y) {
        r = Relu (x)  t = Transpose <perm = [1,0,2,3]> (r)
        f = Flatten <axis = 1> (t)  y = Gemm <transB = 1> (f, w)
      })",
                             {});
  add_floats(model, "w", {1, 2}, {1, 100});
  // In the file's order the image is {{1, 3}, {2, 4}}: the graph takes it with channels last.
  EXPECT_EQ(test::run_float32(parse(model), std::vector<float>{1, 2, 3, 4}), (std::vector<float>{301, 402}));
}

TEST(OnnxImport, a_tensor_meets_itself_in_another_order) {
  const std::string head = "g (float[1,1,2,2] x) => (float[1,1,2,2] y) { r = Mul (x, one) ";
  const std::string tail = "t = Transpose <perm = [0,1,3,2]> (r) y = ";
  auto sum = foreign_model(head + tail + "Add (r, t) }", {});
  add_floats(sum, "one", {}, {1});
  EXPECT_EQ(test::run_float32(parse(sum), std::vector<float>{1, 2, 3, 4}), (std::vector<float>{2, 5, 5, 8}));
  auto product = foreign_model(
      head + "h = HardSigmoid <alpha = 0.16666667, beta = 0.5> (r) " + tail + "Mul (h, t) }", {});
  add_floats(product, "one", {}, {1});
  EXPECT_EQ(test::run_float32(parse(product), std::vector<float>{0, 3, -3, 6}),
            (std::vector<float>{0, -3, 0, 6}));
}

TEST(OnnxImport, a_bias_belongs_to_a_product_that_nothing_else_reads) {
  auto read_twice = foreign_model(R"(
      g (float[1,2] x) => (float[1,2] y) {
        m = MatMul (x, w)  i = Identity (m)  a = Add (i, b)  r = Relu (m)  y = Add (a, r)
      })",
                                  {});
  add_floats(read_twice, "w", {2, 2}, {1, 0, 0, 1});
  add_floats(read_twice, "b", {2}, {10, 20});
  EXPECT_EQ(test::run_float32(parse(read_twice), std::vector<float>{1, -2}), (std::vector<float>{12, 18}));
  auto transposed = foreign_model(R"(
      g (float[1,2,3] x) => (float[1,6] y) {
        m = MatMul (x, w)  t = Transpose <perm = [0,2,1]> (m)  a = Add (t, b)  y = Flatten (a)
      })",
                                  {});
  add_floats(transposed, "w", {3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  add_floats(transposed, "b", {2}, {10, 20});
  EXPECT_EQ(test::run_float32(parse(transposed), std::vector<float>{1, 2, 3, 4, 5, 6}),
            (std::vector<float>{11, 24, 12, 25, 13, 26}));
  auto by_row = foreign_model("g (float[4,2] x) => (float[4,4] y) { y = Gemm <transB = 1> (x, w, b) }", {});
  add_floats(by_row, "w", {4, 2}, std::vector<float>(8, 1));
  add_floats(by_row, "b", {4, 1}, {1, 2, 3, 4});
  test::expect_error([&] { parse(by_row); }, {"Gemm", "bias of 4x1 for 4 channels"});
}

TEST(OnnxImport, elements_that_overflow_a_count_are_refused) {
  auto model =
      foreign_model("g (float[1,4] x) => (float[1,4] y) { c2 = Reshape (c, s) y = Add (x, c2) }", {});
  add_floats(model, "c", {0}, {});
  add_integers(model, "s", {1 << 30, 2, 1 << 30, 1 << 30});
  test::expect_error([&] { parse(model); }, {"Reshape", "not supported"});
}

TEST(OnnxImport, constants_of_the_same_integers_differ_in_their_scales) {
  auto divided = foreign_model(R"(
      g (float[1,1] x) => (float[1,1] y) {
        a = DequantizeLinear (q, one)  b = DequantizeLinear (q, four)  r = Sqrt (b)
        d = Div (x, a)  e = Div (d, b)  y = Div (e, r)
      })",
                               {});
  add_floats(divided, "one", {}, {1});
  add_floats(divided, "four", {}, {4});
  add_quantized(divided, "q", ::onnx::TensorProto::INT8, {1}, {4});
  EXPECT_FLOAT_EQ(test::run_float32(parse(divided), std::vector<float>{1})[0], 1.0F / 4 / 16 / 4);

  auto multiplied = foreign_model(R"(
      g (float[1,2] x) => (float[1,2] y) {
        a = DequantizeLinear <axis = 0> (q, s)  b = DequantizeLinear <axis = 1> (q, s)
        c = DequantizeLinear <axis = 0> (q, t)
        m = Gemm <transB = 1> (x, a)  n = Gemm <transB = 1> (m, b)  y = MatMul (n, c)
      })",
                                  {});
  add_floats(multiplied, "s", {2}, {1, 10});
  add_floats(multiplied, "t", {1}, {2});  // of all, whatever axis is named
  add_quantized(multiplied, "q", ::onnx::TensorProto::INT8, {2, 2}, {1, 1, 1, 1});
  EXPECT_EQ(test::run_float32(parse(multiplied), std::vector<float>{1, 1}), (std::vector<float>{808, 808}));
}

TEST(OnnxImport, a_constant_that_is_quantized_to_uint8_keeps_its_values) {
  for (const char* zero_point : {"", ", z"}) {
    auto model =
        foreign_model(fmt::format("g (float[1,2] x) => (float[1,2] y) {{ q = QuantizeLinear (c, s{0}) "
                                  "d = DequantizeLinear (q, s{0}) y = Add (x, d) }}",
                                  zero_point),
                      {});
    add_floats(model, "c", {2}, {1, 2});
    add_floats(model, "s", {}, {1});
    add_quantized(model, "z", ::onnx::TensorProto::UINT8, {}, {100});
    EXPECT_EQ(test::run_float32(parse(model), std::vector<float>{0, 0}), (std::vector<float>{1, 2}));
  }
}

TEST(OnnxImport, integers_as_output_come_in_the_files_order) {
  auto model = foreign_model(
      "g (float[1,2,1,2] x) => (int8[1,4] y) { r = Relu (x) f = Flatten (r) y = QuantizeLinear (f, s, z) }",
      {});
  add_floats(model, "s", {}, {1});
  add_quantized(model, "z", ::onnx::TensorProto::INT8, {}, {0});
  const Graph graph = parse(model);
  const Tensor& output = graph.tensor(graph.outputs[0]);
  EXPECT_EQ(output.type, DataType::kInt8);
  EXPECT_EQ(output.shape, (Shape{1, 4}));
  // Channels lie last in the graph: 1 and 2 are the first pixel's.
  const std::vector<float> pixels = {1, 2, 3, 4};
  ReferenceRun run(graph);
  const std::span<const std::byte> inputs[] = {std::as_bytes(std::span(pixels))};
  run.run(inputs);
  const auto bytes = run.bytes(graph.outputs[0]);
  const std::byte wanted[] = {std::byte{1}, std::byte{3}, std::byte{2}, std::byte{4}};
  EXPECT_TRUE(std::ranges::equal(bytes, wanted));
}

TEST(OnnxImport, a_matrix_is_flattened_from_the_axis_that_is_named) {
  for (const auto& [axis, shape] : {std::pair("0", Shape{1, 6}), {"1", Shape{2, 3}}, {"2", Shape{6, 1}}}) {
    const auto model = foreign_model(fmt::format("g (float[2,3] x) => (float[{},{}] y) {{ r = Relu (x) y = "
                                                 "Flatten <axis = {}> (r) }}",
                                                 shape[0], shape[1], axis),
                                     {});
    const Graph graph = parse(model);
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, shape) << axis;
  }
}

TEST(OnnxImport, a_squeezed_constant_keeps_the_axes_that_are_not_named) {
  auto model =
      foreign_model("g (float[1,2,1,2] x) => (float[1,2,1,2] y) { c3 = Squeeze (c, a) y = Add (x, c3) }", {});
  add_floats(model, "c", {1, 2, 1, 1}, {10, 20});
  add_integers(model, "a", {0});
  EXPECT_EQ(test::run_float32(parse(model), std::vector<float>(4, 0)), (std::vector<float>{10, 20, 10, 20}));
}

TEST(OnnxImport, an_integer_constant_of_another_scale_is_taken_at_its_own) {
  auto model = foreign_model(R"(
      g (float[1,2] x) => (float[1,2] y) {
        xq = QuantizeLinear (x, s, z)  xd = DequantizeLinear (xq, s, z)
        cd = DequantizeLinear (c, t, z)
        m = Max (xd, cd)
        yq = QuantizeLinear (m, s, z)  y = DequantizeLinear (yq, s, z)
      })",
                             {});
  add_floats(model, "s", {}, {1});
  add_floats(model, "t", {}, {0.5F});
  add_quantized(model, "z", ::onnx::TensorProto::INT8, {}, {0});
  add_quantized(model, "c", ::onnx::TensorProto::INT8, {2}, {4, 8});
  EXPECT_EQ(test::run_float32(parse(model), std::vector<float>{3, 3}), (std::vector<float>{3, 4}));
}

}  // namespace
}  // namespace thimble::onnx
