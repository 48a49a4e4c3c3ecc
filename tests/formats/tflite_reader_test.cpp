#include <gtest/gtest.h>

#include "formats/tflite/tflite.h"
#include "formats/tflite_models.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"

namespace thimble::tflite {
namespace {

Graph parsed(const JsonModel& model) { return parse_tflite(compiled(model.text()), "folder/model.tflite"); }

std::vector<float> run(const Graph& graph, const std::vector<float>& input) {
  ReferenceRun reference(graph);
  const std::span<const std::byte> inputs[] = {std::as_bytes(std::span(input))};
  reference.run(inputs);
  const auto bytes = reference.bytes(graph.outputs.at(0));
  const auto* values = reinterpret_cast<const float*>(bytes.data());
  return {values, values + bytes.size() / sizeof(float)};
}

TEST(TfliteReader, every_unsupported_operator_is_named_with_its_index_output_and_remedy) {
  JsonModel model;
  model.codes = {R"({"builtin_code": "SIN"})",
                 R"({"builtin_code": "CUMSUM", "deprecated_builtin_code": 127})",
                 R"({"builtin_code": "CUSTOM", "deprecated_builtin_code": 32, "custom_code": "MyOp"})",
                 R"({"deprecated_builtin_code": 19})"};
  for (const char* name : {"x", "first", "kept", "second", "third"}) {
    model.tensors.push_back(fmt::format(R"({{"shape": [1, 4], "name": "{}"}})", name));
  }
  model.operators = {R"({"inputs": [0], "outputs": [1]})",
                     R"({"opcode_index": 3, "inputs": [1], "outputs": [2]})",
                     R"({"opcode_index": 1, "inputs": [2], "outputs": [3]})",
                     R"({"opcode_index": 2, "inputs": [3], "outputs": [4]})"};
  model.outputs = "[4]";
  const std::string text = test::error_of([&] { parsed(model); });
  for (const char* part :
       {"folder/model.tflite", "operator 0 SIN (output 'first')", "operator 2 CUMSUM (output 'second')",
        "operator 3 CUSTOM MyOp (output 'third')"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks " << part;
  }
  EXPECT_EQ(text.find("RELU"), std::string::npos) << text;
}

TEST(TfliteReader, unsupported_types_are_named_for_inputs_and_operators_at_once) {
  JsonModel model = one_operator("RELU", "[1, 4]", "[1, 4]");
  model.tensors[0] = R"({"shape": [1, 4], "name": "pixels", "type": "UINT8"})";
  model.tensors[1] = R"({"shape": [1, 4], "name": "y", "type": "FLOAT64"})";
  const std::string text = test::error_of([&] { parsed(model); });
  EXPECT_NE(text.find("operator 0 RELU (output 'y'): tensor 'pixels' has type UINT8"), std::string::npos)
      << text;
  EXPECT_NE(text.find("output 0: tensor 'y' has type FLOAT64"), std::string::npos) << text;
}

TEST(TfliteReader, older_ways_of_int16_are_refused_with_their_remedy) {
  const std::string scale = R"(, "quantization": {"scale": [0.5], "zero_point": [0]})";
  const auto int16 = [&](const char* name, const char* shape) {
    return fmt::format(R"({{"shape": {}, "name": "{}", "type": "INT16"{}}})", shape, name, scale);
  };
  const auto sum = [&](const char* options) {
    JsonModel model = one_operator(
        "ADD", "", "",
        fmt::format(R"("builtin_options_type": "AddOptions", "builtin_options": {{{}}})", options));
    model.tensors = {int16("x", "[1, 4]"), int16("y", "[1, 4]")};
    model.operators[0].replace(model.operators[0].find("[0]"), 3, "[0, 0]");
    return model;
  };
  EXPECT_NE(test::error_of([&] { parsed(sum("")); }).find("powers of two"), std::string::npos);
  EXPECT_EQ(parsed(sum(R"("pot_scale_int16": false)")).tensors[0].type, DataType::kInt16);

  JsonModel dense = one_operator("FULLY_CONNECTED", "", "",
                                 R"("builtin_options_type": "FullyConnectedOptions", "builtin_options": {})");
  dense.tensors = {int16("x", "[1, 4]"), int16("y", "[1, 2]")};
  add_constant<int8_t>(dense, "[2, 4]", "INT8", std::vector<int8_t>(8, 1), scale);
  add_constant<int32_t>(dense, "[2]", "INT32", {1, 1}, scale);
  EXPECT_NE(test::error_of([&] { parsed(dense); }).find("is int32, beside int16"), std::string::npos);
}

TEST(TfliteReader, uint8_stays_the_input_and_output_of_an_int8_network) {
  JsonModel model;
  model.codes = {R"({"builtin_code": "QUANTIZE", "deprecated_builtin_code": 114})",
                 R"({"builtin_code": "MAX_POOL_2D", "deprecated_builtin_code": 17})"};
  const auto tensor = [](const char* name, const char* shape, const char* type, int zero_point) {
    return fmt::format(
        R"({{"shape": {}, "name": "{}", "type": "{}", "quantization": {{"scale": [0.5], "zero_point": [{}]}}}})",
        shape, name, type, zero_point);
  };
  model.tensors = {tensor("pixels", "[1, 2, 2, 1]", "UINT8", 128), tensor("x", "[1, 2, 2, 1]", "INT8", 0),
                   tensor("y", "[1, 1, 1, 1]", "INT8", 0), tensor("out", "[1, 1, 1, 1]", "UINT8", 128)};
  model.operators = {
      R"({"inputs": [0], "outputs": [1]})",
      R"({"opcode_index": 1, "inputs": [1], "outputs": [2], "builtin_options_type": "Pool2DOptions", "builtin_options": {"padding": "VALID", "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}})",
      R"({"inputs": [2], "outputs": [3]})"};
  model.outputs = "[3]";
  const Graph graph = parsed(model);
  const std::string exported = to_tflite(graph);
  for (const Graph& each : {graph, parse_tflite(std::as_bytes(std::span(exported)), "again.tflite")}) {
    ReferenceRun reference(each);
    const std::vector<std::byte> pixels = {std::byte{3}, std::byte{250}, std::byte{7}, std::byte{0}};
    const std::span<const std::byte> inputs[] = {pixels};
    reference.run(inputs);
    EXPECT_EQ(reference.bytes(each.nodes[0].outputs[0])[0], std::byte{0x83});  // 3 - 128
    EXPECT_EQ(reference.bytes(each.outputs[0])[0], std::byte{250});
  }
}

TEST(TfliteReader, squeeze_and_expand_dims_become_reshapes) {
  EXPECT_EQ(parsed(one_operator("SQUEEZE", "[1, 1, 4]", "[1, 4]")).nodes.at(0).op, Operator(Reshape{{1, 4}}));
  JsonModel model = one_operator("EXPAND_DIMS", "[1, 4]", "[1, 1, 4]");
  add_constant<int32_t>(model, "[1]", "INT32", {1});
  EXPECT_EQ(parsed(model).nodes.at(0).op, Operator(Reshape{{1, 1, 4}}));
}

TEST(TfliteReader, same_padding_puts_the_odd_row_last) {
  JsonModel model = one_operator(
      "MAX_POOL_2D", "[1, 5, 4, 1]", "[1, 3, 2, 1]",
      R"("builtin_options_type": "Pool2DOptions", "builtin_options": {"padding": "SAME", "stride_w": 2, "stride_h": 2, "filter_width": 3, "filter_height": 2, "fused_activation_function": "RELU6"})");
  const MaxPool2D expected{
      .kernel_h = 2, .kernel_w = 3, .padding = {0, 1, 0, 1}, .activation = Activation::kRelu6};
  EXPECT_EQ(parsed(model).nodes.at(0).op, Operator(expected));
}

TEST(TfliteReader, a_fused_activation_that_no_kernel_clamps_to_is_refused_by_name) {
  JsonModel model = one_operator(
      "MAX_POOL_2D", "[1, 4, 4, 1]", "[1, 2, 2, 1]",
      R"("builtin_options_type": "Pool2DOptions", "builtin_options": {"padding": "VALID", "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2, "fused_activation_function": "RELU_N1_TO_1"})");
  test::expect_error([&] { parsed(model); }, "RELU_N1_TO_1");
}

TEST(TfliteReader, negative_axes_of_a_mean_count_from_the_end) {
  JsonModel model =
      one_operator("MEAN", "[1, 2, 3, 4]", "[1, 1, 1, 4]",
                   R"("builtin_options_type": "ReducerOptions", "builtin_options": {"keep_dims": true})");
  add_constant<int64_t>(model, "[2]", "INT64", {-2, 1});
  EXPECT_EQ(parsed(model).nodes.at(0).op, Operator(Mean{.axes = {1, 2}, .keep_dims = true}));
}

TEST(TfliteReader, a_mean_over_the_batch_or_over_axes_apart_is_refused) {
  JsonModel model = one_operator("MEAN", "[1, 2, 3, 4]", "[1, 3]");
  add_constant<int32_t>(model, "[2]", "INT32", {1, 3});
  test::expect_error([&] { parsed(model); }, "neighbour");
}

TEST(TfliteReader, padv2_is_read_with_its_value) {
  for (const float value : {0.0F, 1.0F, -3.5F}) {
    JsonModel model = one_operator("PADV2", "[1, 2]", "[1, 5]");
    add_constant<int32_t>(model, "[2, 2]", "INT32", {0, 0, 1, 2});
    add_constant<float>(model, "[]", "FLOAT32", {value});
    const Graph graph = parsed(model);
    EXPECT_EQ(graph.nodes.at(0).op, Operator(Pad{{0, 1}, {0, 2}, value}));
    EXPECT_EQ(run(graph, {7, 8}), (std::vector<float>{value, 7, 8, value, value}));
  }
}

TEST(TfliteReader, slices_end_where_their_masks_say) {
  JsonModel model = one_operator(
      "STRIDED_SLICE", "[1, 4, 6]", "[1, 3]",
      R"("builtin_options_type": "StridedSliceOptions", "builtin_options": {"begin_mask": 1, "end_mask": 5, "shrink_axis_mask": 2})");
  add_constant<int32_t>(model, "[3]", "INT32", {0, -2, 0});
  add_constant<int32_t>(model, "[3]", "INT32", {0, 0, 0});
  add_constant<int32_t>(model, "[3]", "INT32", {1, 1, 2});
  const Graph graph = parsed(model);
  std::vector<float> input(24);
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i);
  EXPECT_EQ(run(graph, input), (std::vector<float>{12, 14, 16}));
}

TEST(TfliteReader, slices_backwards_are_refused) {
  JsonModel model =
      one_operator("STRIDED_SLICE", "[1, 4]", "[1, 4]",
                   R"("builtin_options_type": "StridedSliceOptions", "builtin_options": {"end_mask": 2})");
  add_constant<int32_t>(model, "[2]", "INT32", {0, 3});
  add_constant<int32_t>(model, "[2]", "INT32", {1, 0});
  add_constant<int32_t>(model, "[2]", "INT32", {1, -1});
  test::expect_error([&] { parsed(model); }, "backwards");
}

TEST(TfliteReader, a_split_becomes_a_slice_for_each_output) {
  JsonModel model;
  model.codes = {R"({"builtin_code": "SPLIT"})", R"({"builtin_code": "SUB"})"};
  model.tensors = {R"({"shape": [], "name": "axis", "type": "INT32", "buffer": 1})",
                   R"({"shape": [1, 4], "name": "x"})", R"({"shape": [1, 2], "name": "a"})",
                   R"({"shape": [1, 2], "name": "b"})", R"({"shape": [1, 2], "name": "y"})"};
  model.buffers.push_back(buffer<int32_t>({1}));
  model.operators = {R"({"inputs": [0, 1], "outputs": [2, 3]})",
                     R"({"opcode_index": 1, "inputs": [3, 2], "outputs": [4]})"};
  model.inputs = "[1]";
  model.outputs = "[4]";
  const Graph graph = parsed(model);
  EXPECT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(run(graph, {1, 2, 30, 40}), (std::vector<float>{29, 38}));
}

TEST(TfliteReader, what_computes_the_shape_of_a_reshape_is_no_operator) {
  // As Keras converters write a Flatten under an open batch.
  JsonModel model;
  model.codes = {R"({"builtin_code": "SHAPE"})", R"({"builtin_code": "STRIDED_SLICE"})",
                 R"({"builtin_code": "PACK"})", R"({"builtin_code": "RESHAPE"})"};
  model.tensors = {R"({"shape": [1, 2, 2], "name": "x"})",
                   R"({"shape": [3], "name": "shape", "type": "INT32"})",
                   R"({"shape": [1], "name": "zero", "type": "INT32", "buffer": 1})",
                   R"({"shape": [1], "name": "one", "type": "INT32", "buffer": 2})",
                   R"({"shape": [], "name": "batch", "type": "INT32"})",
                   R"({"shape": [], "name": "rest", "type": "INT32", "buffer": 3})",
                   R"({"shape": [2], "name": "new_shape", "type": "INT32"})",
                   R"({"shape": [1, 4], "name": "y"})"};
  for (const int32_t value : {0, 1, 4}) model.buffers.push_back(buffer<int32_t>({value}));
  model.operators = {
      R"({"inputs": [0], "outputs": [1]})",
      R"({"opcode_index": 1, "inputs": [1, 2, 3, 3], "outputs": [4], "builtin_options_type": "StridedSliceOptions", "builtin_options": {"shrink_axis_mask": 1}})",
      R"({"opcode_index": 2, "inputs": [4, 5], "outputs": [6]})",
      R"({"opcode_index": 3, "inputs": [0, 6], "outputs": [7]})"};
  model.outputs = "[7]";
  const Graph graph = parsed(model);
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.nodes[0].op, Operator(Reshape{{1, 4}}));
}

TEST(TfliteReader, the_maximum_over_an_image_is_a_pooling) {
  JsonModel model = one_operator("REDUCE_MAX", "[1, 2, 2, 1]", "[1, 1]",
                                 R"("builtin_options_type": "ReducerOptions", "builtin_options": {})");
  add_constant<int32_t>(model, "[2]", "INT32", {1, 2});
  EXPECT_EQ(run(parsed(model), {1, 7, 3, 4}), (std::vector<float>{7}));
}

TEST(TfliteReader, the_maximum_over_neighbouring_axes_is_a_pooling) {
  JsonModel model = one_operator("REDUCE_MAX", "[1, 3, 2]", "[1, 2]",
                                 R"("builtin_options_type": "ReducerOptions", "builtin_options": {})");
  add_constant<int32_t>(model, "[1]", "INT32", {-2});
  EXPECT_EQ(run(parsed(model), {1, 7, 3, 4, 5, 6}), (std::vector<float>{5, 7}));
}

TEST(TfliteReader, what_is_unpacked_can_be_packed_along_another_axis) {
  JsonModel model;
  model.codes = {R"({"builtin_code": "UNPACK", "deprecated_builtin_code": 88})",
                 R"({"builtin_code": "PACK", "deprecated_builtin_code": 83})"};
  model.tensors = {R"({"shape": [1, 2, 3], "name": "x"})", R"({"shape": [1, 3, 2], "name": "y"})",
                   R"({"shape": [1, 3], "name": "a"})", R"({"shape": [1, 3], "name": "b"})"};
  const auto operators = [&](const char* num, const char* axis) {
    model.operators = {
        fmt::format(
            R"({{"inputs": [0], "outputs": [2, 3], "builtin_options_type": "UnpackOptions", "builtin_options": {{"num": {}, "axis": 1}}}})",
            num),
        fmt::format(
            R"({{"opcode_index": 1, "inputs": [3, 2], "outputs": [1], "builtin_options_type": "PackOptions", "builtin_options": {{"values_count": 2, "axis": {}}}}})",
            axis)};
  };
  operators("2", "-1");
  EXPECT_EQ(run(parsed(model), {1, 2, 3, 4, 5, 6}), (std::vector<float>{4, 1, 5, 2, 6, 3}));
  operators("2", "3");
  test::expect_error([&] { parsed(model); }, "has axis 3");
  model.tensors[0] = R"({"shape": [1, 3, 2], "name": "x"})";
  test::expect_error([&] { parsed(model); }, "unpacks 1x3x2 wrongly");
}

TEST(TfliteReader, constants_of_16_bits_become_float) {
  JsonModel model = one_operator("MUL", "[1, 8]", "[1, 8]");
  model.codes.emplace_back(R"({"builtin_code": "DEQUANTIZE", "deprecated_builtin_code": 6})");
  model.tensors.emplace_back(R"({"shape": [8], "name": "factors"})");
  // The largest, the smallest normal and the smallest numbers of IEEE 754 binary16 among them.
  model.buffers.push_back(buffer<uint16_t>({0x3C00, 0xC000, 0x3800, 0x7BFF, 0x0400, 0x0001, 0x83FF, 0x3555}));
  model.tensors.emplace_back(R"({"shape": [8], "type": "FLOAT16", "name": "halves", "buffer": 1})");
  model.operators = {R"({"opcode_index": 1, "inputs": [3], "outputs": [2]})",
                     R"({"inputs": [0, 2], "outputs": [1]})"};
  const Graph graph = parsed(model);
  EXPECT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(run(graph, std::vector<float>(8, 1.0F)),
            (std::vector<float>{1, -2, 0.5F, 65504, 0x1p-14F, 0x1p-24F, -0x3FFp-24F, 0x555p-12F}));

  model.tensors[2] = R"({"shape": [4], "name": "factors"})";
  test::expect_error([&] { parsed(model); }, "not the float32 form of constant 3");
  model.tensors[2] = R"({"shape": [8], "name": "factors"})";
  model.tensors[3] = R"({"shape": [7], "type": "FLOAT16", "name": "halves", "buffer": 1})";
  test::expect_error([&] { parsed(model); }, "holds 16 bytes, not 7 elements");
  model.tensors[3] = R"({"shape": [4], "type": "INT32", "name": "halves", "buffer": 1})";
  test::expect_error([&] { parsed(model); }, "not float16, int8 or int4");
}

TEST(TfliteReader, scalars_broadcast) {
  JsonModel model = one_operator("MUL", "[1, 3]", "[1, 3]");
  add_constant<float>(model, "[]", "FLOAT32", {2.0F});
  EXPECT_EQ(run(parsed(model), {1, 2, 3}), (std::vector<float>{2, 4, 6}));
}

TEST(TfliteReader, a_dense_layer_on_an_image_gets_a_reshape_that_counts_as_no_operator) {
  JsonModel model = one_operator("FULLY_CONNECTED", "[1, 1, 2, 2]", "[1, 2]",
                                 R"("builtin_options_type": "FullyConnectedOptions", "builtin_options": {})");
  add_constant<float>(model, "[2, 4]", "FLOAT32", {1, 2, 3, 4, 0, 0, 0, 1});
  model.operators[0].insert(model.operators[0].find(']'), ", -1");
  const Graph graph = parsed(model);
  ASSERT_EQ(graph.nodes.size(), 2U);
  EXPECT_TRUE(inserted_by_import(graph.nodes[0]));
  EXPECT_FALSE(inserted_by_import(graph.nodes[1]));
  EXPECT_EQ(run(graph, {1, 1, 1, 2}), (std::vector<float>{14, 2}));

  const std::string exported = to_tflite(graph);
  const Graph again = parse_tflite(std::as_bytes(std::span(exported)), "again.tflite");
  ASSERT_EQ(again.nodes.size(), 2U);
  EXPECT_TRUE(inserted_by_import(again.nodes[0]));
  EXPECT_EQ(run(again, {1, 1, 1, 2}), (std::vector<float>{14, 2}));
}

TEST(TfliteReader, a_dense_layer_that_keeps_its_leading_axes_does_so_through_export) {
  JsonModel model = one_operator(
      "FULLY_CONNECTED", "[1, 1, 2]", "[1, 1, 3]",
      R"("builtin_options_type": "FullyConnectedOptions", "builtin_options": {"keep_num_dims": true})");
  add_constant<float>(model, "[3, 2]", "FLOAT32", {1, 0, 0, 1, 1, 1});
  add_constant<float>(model, "[3]", "FLOAT32", {0, 0, 10});
  const Graph graph = parsed(model);
  EXPECT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 1, 3}));
  const std::string exported = to_tflite(graph);
  const Graph again = parse_tflite(std::as_bytes(std::span(exported)), "again.tflite");
  EXPECT_EQ(again.nodes.size(), 3U);
  EXPECT_EQ(run(again, {2, 5}), (std::vector<float>{2, 5, 17}));
}

TEST(TfliteReader, int8_weights_under_float_activations_become_float) {
  JsonModel model = one_operator("FULLY_CONNECTED", "[1, 2]", "[1, 2]",
                                 R"("builtin_options_type": "FullyConnectedOptions", "builtin_options": {})");
  add_constant<int8_t>(
      model, "[2, 2]", "INT8", {1, 2, 3, -4},
      R"(, "quantization": {"scale": [0.5, 2.0], "zero_point": [0, 0], "quantized_dimension": 0})");
  const Graph graph = parsed(model);
  EXPECT_FALSE(is_quantized(graph));
  EXPECT_EQ(run(graph, {1, 10}), (std::vector<float>{10.5F, -74}));
}

TEST(TfliteReader, int4_weights_under_float_activations_become_float) {
  JsonModel model = one_operator("FULLY_CONNECTED", "[1, 3]", "[1, 1]",
                                 R"("builtin_options_type": "FullyConnectedOptions", "builtin_options": {})");
  // 7, -8 in the first byte, low nibble first; -1 in the second.
  add_constant<uint8_t>(model, "[1, 3]", "INT4", {0x87, 0x0F},
                        R"(, "quantization": {"scale": [1.0], "zero_point": [0]})");
  EXPECT_EQ(run(parsed(model), {1, 10, 100}), (std::vector<float>{7 - 80 - 100}));
}

TEST(TfliteReader, a_missing_bias_scale_is_filled_in) {
  JsonModel model;
  model.codes = {R"({"builtin_code": "FULLY_CONNECTED"})"};
  model.tensors = {
      R"({"shape": [1, 1], "type": "INT8", "name": "x", "quantization": {"scale": [0.5], "zero_point": [3]}})",
      R"({"shape": [1, 1], "type": "INT8", "name": "y", "quantization": {"scale": [1.0], "zero_point": [-1]}})"};
  model.operators = {
      R"({"inputs": [0], "outputs": [1], "builtin_options_type": "FullyConnectedOptions", "builtin_options": {}})"};
  add_constant<int8_t>(model, "[1, 1]", "INT8", {5},
                       R"(, "quantization": {"scale": [0.25], "zero_point": [0]})");
  add_constant<int32_t>(model, "[1]", "INT32", {8});
  const Graph graph = parsed(model);
  EXPECT_EQ(graph.tensor(graph.nodes[0].inputs[2]).quantization->scales, std::vector<float>{0.125F});
}

TEST(TfliteReader, nodes_get_unique_names_from_the_first_part_of_their_outputs) {
  JsonModel model = one_operator("RELU", "[1, 2]", "[1, 2]");
  model.tensors = {R"({"shape": [1, 2], "name": "x"})",
                   R"({"shape": [1, 2], "name": "dense/Relu;dense/BiasAdd"})",
                   R"({"shape": [1, 2], "name": "dense/Relu;other#rows"})", R"({"shape": [1, 2]})"};
  model.operators = {R"({"inputs": [0], "outputs": [1]})", R"({"inputs": [1], "outputs": [2]})",
                     R"({"inputs": [2], "outputs": [3]})"};
  model.outputs = "[3]";
  const Graph graph = parsed(model);
  EXPECT_EQ(graph.name, "model");
  EXPECT_EQ(graph.nodes[0].name, "dense/Relu");
  EXPECT_EQ(graph.nodes[1].name, "dense/Relu_1");
  EXPECT_EQ(graph.nodes[2].name, "RELU_2");
}

struct Damage {
  const char* name;
  const char* tensor;     ///< in place of tensor 1
  const char* operator_;  ///< in place of operator 0
  const char* expected;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

class TfliteDamage : public ::testing::TestWithParam<Damage> {};

TEST_P(TfliteDamage, is_an_error_that_says_what_is_wrong) {
  JsonModel model = one_operator("RELU", "[1, 4]", "[1, 4]");
  if (*GetParam().tensor != '\0') model.tensors[1] = GetParam().tensor;
  if (*GetParam().operator_ != '\0') model.operators[0] = GetParam().operator_;
  test::expect_error([&] { parsed(model); }, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, TfliteDamage,
    ::testing::Values(
        Damage{"tensor_index_too_large", "", R"({"inputs": [7], "outputs": [1]})", "tensor 7 of 2"},
        Damage{"tensor_index_negative", "", R"({"inputs": [-5], "outputs": [1]})", "tensor -5 of 2"},
        Damage{"operator_code", "", R"({"opcode_index": 9, "inputs": [0], "outputs": [1]})",
               "operator code 9"},
        Damage{"no_output", "", R"({"inputs": [0]})", "output"},
        Damage{"no_input", "", R"({"outputs": [1]})", "0 inputs"},
        Damage{"own_input", "", R"({"inputs": [1], "outputs": [1]})", "before it is computed"},
        Damage{"extent_zero", R"({"shape": [1, 0], "name": "y"})", "", "has shape 1x0"},
        Damage{"extent_negative", R"({"shape": [1, -4], "name": "y"})", "", "has shape 1x-4"},
        Damage{"elements_overflow", R"({"shape": [65536, 65536], "name": "y"})", "", "has shape"},
        Damage{"many_axes", R"({"shape": [1, 1, 1, 1, 1, 1, 1, 1, 4], "name": "y"})", "", "9 axes"},
        Damage{"shape_contradicts", R"({"shape": [1, 5], "name": "y"})", "", "declared as 1x5"},
        Damage{"buffer_index", R"({"shape": [1, 4], "name": "y", "buffer": 3})", "", "buffer 3 of 1"},
        Damage{
            "scale_zero",
            R"({"shape": [1, 4], "name": "y", "type": "INT8", "quantization": {"scale": [0.0], "zero_point": [0]}})",
            "", "scale of 0"},
        Damage{
            "zero_point_range",
            R"({"shape": [1, 4], "name": "y", "type": "INT8", "quantization": {"scale": [1.0], "zero_point": [128]}})",
            "", "zero point of 128"},
        Damage{
            "scale_count",
            R"({"shape": [1, 4], "name": "y", "type": "INT8", "quantization": {"scale": [1.0, 1.0], "zero_point": [0, 0], "quantized_dimension": 1}})",
            "", "2 scales along axis 1"},
        Damage{"sparse", R"({"shape": [1, 4], "name": "y", "sparsity": {}})", "", "sparsely"},
        Damage{"variable", R"({"shape": [1, 4], "name": "y", "is_variable": true})", "", "between runs"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(TfliteReader, a_constant_that_its_buffer_does_not_fill_is_an_error) {
  JsonModel model = one_operator("MUL", "[1, 3]", "[1, 3]");
  add_constant<float>(model, "[3]", "FLOAT32", {2.0F});
  test::expect_error([&] { parsed(model); }, "holds 4 bytes");
}

TEST(TfliteReader, what_is_no_model_at_all_is_an_error) {
  for (const std::string content : {"", "TFL3", "this is a text and no model, whatever its name may say"}) {
    test::expect_error([&] { parse_tflite(std::as_bytes(std::span(content)), "notes.tflite"); },
                       "notes.tflite: it is not a TensorFlow Lite model");
  }
  test::expect_error([] { read_tflite("/nonexistent/model.tflite"); }, "/nonexistent/model.tflite");
}

}  // namespace
}  // namespace thimble::tflite
