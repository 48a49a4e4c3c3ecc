#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "graph/builder.h"
#include "support/random_network.h"

namespace thimble {
namespace {

Graph small_network() {
  GraphBuilder b("small", 1);
  TensorId x = b.input("image", {1, 8, 8, 3});
  x = b.relu(b.batch_norm(b.conv2d(x, 4, {.stride_h = 2, .stride_w = 2})));
  x = b.max_pool(x, 2, 2);
  return b.finish({b.softmax(b.fully_connected(b.flatten(x), 5))});
}

TEST(Validate, accepts_random_networks) {
  for (uint64_t seed = 0; seed < 300; ++seed) EXPECT_NO_THROW(test::random_network(Random(seed))) << seed;
}

struct Damage {
  const char* name;
  std::function<void(Graph&)> apply;
};

class ValidateDamage : public testing::TestWithParam<Damage> {};

TEST_P(ValidateDamage, is_an_error) {
  Graph graph = small_network();
  GetParam().apply(graph);
  EXPECT_THROW(validate(graph), Error);
}

INSTANTIATE_TEST_SUITE_P(
    Graph, ValidateDamage,
    testing::Values(
        Damage{"tensor_id_out_of_range", [](Graph& g) { g.nodes[0].inputs[0] = 9999; }},
        Damage{"negative_tensor_id", [](Graph& g) { g.nodes[0].inputs[0] = -7; }},
        Damage{"output_out_of_range", [](Graph& g) { g.outputs[0] = 9999; }},
        Damage{"no_outputs", [](Graph& g) { g.outputs.clear(); }},
        Damage{"node_without_inputs", [](Graph& g) { g.nodes[2].inputs.clear(); }},
        Damage{"nodes_out_of_order", [](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); }},
        Damage{"same_name_twice", [](Graph& g) { g.nodes[0].name = g.nodes[1].name; }},
        Damage{"tensor_computed_twice", [](Graph& g) { g.nodes[1].outputs = g.nodes[0].outputs; }},
        Damage{"constant_cut_short", [](Graph& g) { g.tensor(g.nodes[0].inputs[1]).data->pop_back(); }},
        Damage{"extent_zero", [](Graph& g) { g.tensor(g.inputs[0]).shape[1] = 0; }},
        Damage{"huge_extents",
               [](Graph& g) {
                 g.tensor(g.inputs[0]).shape = {1, 1 << 30, 1 << 30, 1 << 30};
               }},
        Damage{"wrong_output_shape", [](Graph& g) { g.tensor(g.nodes[3].outputs[0]).shape[1] = 7; }},
        Damage{"wrong_type", [](Graph& g) { g.tensor(g.nodes[2].outputs[0]).type = DataType::kInt32; }},
        Damage{"integers_without_scale",
               [](Graph& g) { g.tensor(g.nodes[2].outputs[0]).type = DataType::kInt8; }},
        Damage{"scale_of_zero",
               [](Graph& g) {
                 g.tensor(g.inputs[0]).quantization = {{0.0F}, {0}};
               }},
        Damage{"scale_not_a_number",
               [](Graph& g) {
                 g.tensor(g.inputs[0]).quantization = {{NAN}, {0}};
               }},
        Damage{"too_few_scales",
               [](Graph& g) {
                 g.tensor(g.inputs[0]).quantization = {{1.0F}, {0}, 3};
               }},
        Damage{"axis_out_of_range",
               [](Graph& g) {
                 g.tensor(g.inputs[0]).quantization = {{1.0F}, {0}, 4};
               }},
        Damage{"stride_of_zero", [](Graph& g) { std::get<Conv2D>(g.nodes[0].op).stride_h = 0; }},
        Damage{"groups_that_do_not_divide", [](Graph& g) { std::get<Conv2D>(g.nodes[0].op).groups = 2; }},
        Damage{"kernel_larger_than_input",
               [](Graph& g) { std::get<MaxPool2D>(g.nodes[3].op).kernel_h = 99; }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(InferShape, follows_tensorflows_same_and_valid_padding) {
  // SAME: ceil(extent / stride); VALID: ceil((extent - kernel + 1) / stride), for every small case.
  for (int32_t extent = 1; extent <= 12; ++extent) {
    for (int32_t kernel = 1; kernel <= std::min(extent, 5); ++kernel) {
      for (int32_t stride = 1; stride <= 3; ++stride) {
        const Shape inputs[] = {{1, extent, extent, 1}, {1, kernel, kernel, 1}};
        Conv2D op{.stride_h = stride, .stride_w = stride};
        EXPECT_EQ(infer_shape(op, inputs, "valid")[1], (extent - kernel + stride) / stride);
        op.padding = same_padding(extent, extent, kernel, kernel, stride, stride);
        EXPECT_EQ(infer_shape(op, inputs, "same")[1], (extent + stride - 1) / stride);
        EXPECT_GE(op.padding.bottom, op.padding.top) << "the odd row goes last";
      }
    }
  }
}

TEST(InferShape, names_the_operator_and_node_of_a_misfit) {
  const Shape inputs[] = {{1, 8, 8, 3}, {4, 3, 3, 5}};
  try {
    infer_shape(Conv2D{}, inputs, "stem");
    FAIL() << "five input channels do not fit three";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("Conv2D 'stem'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace thimble
