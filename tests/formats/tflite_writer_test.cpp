#include <gtest/gtest.h>

#include <algorithm>

#include "formats/tflite/tflite.h"
#include "formats/tflite_models.h"
#include "graph/builder.h"
#include "graph/fold_batch_norm.h"
#include "graph/quantize_from_ranges.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"
#include "support/int16_options.h"
#include "support/random_network.h"

namespace thimble::tflite {
namespace {

constexpr int kNetworks = 200;

Graph through_file(const Graph& graph) {
  const std::string content = to_tflite(graph);
  return parse_tflite(std::as_bytes(std::span(content)), graph.name + ".tflite");
}

std::vector<std::byte> output_of(const Graph& graph, std::span<const std::byte> input) {
  ReferenceRun run(graph);
  const std::span<const std::byte> inputs[] = {input};
  run.run(inputs);
  const auto bytes = run.bytes(graph.outputs.at(0));
  return {bytes.begin(), bytes.end()};
}

/// A random network without batch norms.
std::optional<Graph> folded_network(uint64_t seed) {
  return without_batch_norm(seed % 2 == 0 ? test::random_network(Random(seed))
                                          : test::random_varied_network(Random(seed)));
}

/// The integer form of a network, by the ranges that its tensors take on one random input.
Graph quantized(const Graph& graph, uint64_t seed, const QuantizeOptions& options = {}) {
  const auto input = test::random_input(graph, Random(seed));
  ReferenceRun run(graph);
  const std::span<const std::byte> inputs[] = {std::as_bytes(std::span(input))};
  run.run(inputs);
  std::vector<Range> ranges(graph.tensors.size());
  for (size_t id = 0; id < ranges.size(); ++id) {
    if (graph.tensors[id].is_constant()) continue;
    const auto bytes = run.bytes(static_cast<TensorId>(id));
    const std::span values(reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float));
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    ranges[id] = {*low, std::max(*high, *low + 1e-3F)};
  }
  return quantize_from_ranges(graph, ranges, options);
}

TEST(TfliteWriter, float_networks_keep_every_bit_of_their_outputs) {
  int compared = 0;
  for (uint64_t seed = 0; seed < kNetworks; ++seed) {
    const auto graph = folded_network(seed);
    if (!graph) continue;
    const auto input = test::random_input(*graph, Random(seed));
    const auto bytes = std::as_bytes(std::span(input));
    EXPECT_EQ(output_of(through_file(*graph), bytes), output_of(*graph, bytes)) << "seed " << seed;
    ++compared;
  }
  EXPECT_GT(compared, kNetworks / 2);
}

TEST(TfliteWriter, integer_networks_keep_every_byte_of_their_outputs) {
  int compared = 0;
  for (uint64_t seed = 0; seed < kNetworks; ++seed) {
    const auto graph = folded_network(seed);
    if (!graph) continue;
    Random random(seed);
    const bool is_int16 = seed % 3 == 0;
    const Graph integer =
        quantized(*graph, seed, is_int16 ? test::int16_options(*graph, random.fork(1)) : QuantizeOptions{});
    std::vector<std::byte> input(integer.tensor(integer.inputs[0]).bytes());
    for (std::byte& byte : input) byte = static_cast<std::byte>(random.below(256));
    EXPECT_EQ(output_of(through_file(integer), input), output_of(integer, input)) << "seed " << seed;
    ++compared;
  }
  EXPECT_GT(compared, kNetworks / 2);
}

TEST(TfliteWriter, the_same_graph_gives_the_same_bytes_and_so_does_its_copy_from_a_file) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto graph = folded_network(seed);
    if (!graph) continue;
    EXPECT_EQ(to_tflite(*graph), to_tflite(*graph));
    const Graph once = through_file(*graph);
    EXPECT_EQ(to_tflite(through_file(once)), to_tflite(once)) << "seed " << seed;
  }
}

TEST(TfliteWriter, int8_constants_of_four_bits_are_packed_two_to_a_byte) {
  GraphBuilder builder("narrow", 1);
  const TensorId x = builder.input("x", {1, 6, 6, 3});
  const TensorId y = builder.conv2d(x, 5, {.bias = true});
  Graph graph = quantized(builder.finish({builder.fully_connected(builder.flatten(y), 3)}), 1);
  for (const Node& node : graph.nodes) {
    if (node.inputs.size() < 2) continue;
    Tensor& weights = graph.tensor(node.inputs[1]);
    weights.quantization->bits = 4;
    for (int8_t& value : weights.values<int8_t>())
      value = static_cast<int8_t>(std::clamp<int>(value / 16, -8, 7));
  }
  const Graph again = through_file(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].inputs.size() < 2) continue;
    const Tensor& wide = graph.tensor(graph.nodes[n].inputs[1]);
    const Tensor& narrow = again.tensor(again.nodes[n].inputs[1]);
    ASSERT_EQ(narrow.type, DataType::kInt4);
    EXPECT_EQ(narrow.quantization, wide.quantization);
    for (size_t i = 0; i < wide.elements(); ++i) {
      const auto byte = static_cast<uint8_t>((*narrow.data)[i / 2]);
      const int nibble = i % 2 == 0 ? byte & 15 : byte >> 4;
      ASSERT_EQ(nibble >= 8 ? nibble - 16 : nibble, wide.values<int8_t>()[i]);
    }
  }
  EXPECT_EQ(to_tflite(again), to_tflite(through_file(again)));
  std::vector<std::byte> input(graph.tensor(graph.inputs[0]).bytes(), std::byte{0x35});
  EXPECT_EQ(output_of(again, input), output_of(graph, input));
}

TEST(TfliteWriter, four_bit_constants_out_of_their_range_are_refused) {
  GraphBuilder builder("narrow", 1);
  Graph graph = quantized(builder.finish({builder.fully_connected(builder.input("x", {1, 4}), 3)}), 1);
  graph.tensor(graph.nodes[0].inputs[1]).quantization->bits = 4;
  test::expect_error([&] { to_tflite(graph); }, "4 bits");
}

TEST(TfliteWriter, padding_that_has_no_name_becomes_an_operator_with_the_same_result) {
  GraphBuilder builder("padded", 3);
  const TensorId x = builder.input("x", {1, 8, 8, 2});
  Graph graph = builder.finish({builder.conv2d(x, 4, {.stride_h = 2, .stride_w = 2, .bias = true})});
  // PyTorch's padding of 1 all round, where SAME has none before.
  auto& conv = std::get<Conv2D>(graph.nodes[0].op);
  conv.padding = {1, 1, 1, 1};
  const auto input = test::random_input(graph, Random(3));
  const auto bytes = std::as_bytes(std::span(input));
  const Graph again = through_file(graph);
  ASSERT_EQ(again.nodes.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Pad>(again.nodes[0].op));
  EXPECT_EQ(output_of(again, bytes), output_of(graph, bytes));

  const Graph integer = quantized(graph, 4);
  std::vector<std::byte> integers(integer.tensor(integer.inputs[0]).bytes(), std::byte{0x55});
  EXPECT_EQ(output_of(through_file(integer), integers), output_of(integer, integers));
}

TEST(TfliteWriter, average_pooling_over_other_padding_is_refused) {
  GraphBuilder builder("pooled", 3);
  Graph graph = builder.finish({builder.average_pool(builder.input("x", {1, 8, 8, 2}), 3, 2)});
  std::get<AveragePool2D>(graph.nodes[0].op).padding = {1, 1, 1, 1};
  graph.tensor(graph.outputs[0]).shape = {1, 4, 4, 2};
  test::expect_error([&] { to_tflite(graph); }, "AveragePool2D");
}

TEST(TfliteFile, layers_that_share_a_bias_in_the_file_have_one_each) {
  GraphBuilder builder("shared", 1);
  TensorId x = builder.fully_connected(builder.input("x", {1, 4}), 4);
  Graph graph = builder.finish({builder.fully_connected(x, 4)});
  graph.nodes[1].inputs[2] = graph.nodes[0].inputs[2];
  const Graph read = through_file(remove_unused(graph));
  EXPECT_NE(read.nodes[0].inputs[2], read.nodes[1].inputs[2]);
  EXPECT_EQ(read.tensor(read.nodes[0].inputs[2]).data, read.tensor(read.nodes[1].inputs[2]).data);
}

TEST(TfliteWriter, a_batch_norm_is_refused_with_its_remedy) {
  GraphBuilder builder("normed", 3);
  const Graph graph = builder.finish({builder.batch_norm(builder.input("x", {1, 4, 4, 2}))});
  test::expect_error([&] { to_tflite(graph); }, "Fold batch norms");
}

TEST(TfliteWriter, metadata_names_and_the_description_travel) {
  GraphBuilder builder("named", 3);
  Graph graph = builder.finish({builder.relu(builder.input("pixels", {1, 4}))});
  graph.metadata = {{"accuracy", "0.991"}, {"data", "mnist"}, {"description", "a test"}};
  const Graph again = through_file(graph);
  EXPECT_EQ(again.metadata, graph.metadata);
  EXPECT_EQ(again.name, "named");
  EXPECT_EQ(again.tensor(again.inputs[0]).name, "pixels");
  EXPECT_EQ(again.nodes[0].name, graph.nodes[0].name);
}

TEST(TfliteWriter, constants_lie_at_multiples_of_16_bytes) {
  GraphBuilder builder("aligned", 3);
  const Graph graph = builder.finish({builder.fully_connected(builder.input("x", {1, 7}), 3)});
  const std::string content = to_tflite(graph);
  for (const Tensor& tensor : graph.tensors) {
    if (!tensor.is_constant()) continue;
    const std::string_view data(reinterpret_cast<const char*>(tensor.data->data()), tensor.data->size());
    bool aligned = false;
    for (size_t at = content.find(data); at != std::string::npos; at = content.find(data, at + 1)) {
      aligned = aligned || at % 16 == 0;
    }
    EXPECT_TRUE(aligned) << tensor.name;
  }
}

TEST(TfliteWriter, a_file_is_written_whole_and_read_back) {
  const TemporaryFolder folder;
  GraphBuilder builder("stored", 3);
  const Graph graph = builder.finish({builder.relu(builder.input("x", {1, 4}))});
  write_tflite(graph, folder.path() / "stored.tflite");
  EXPECT_EQ(to_tflite(read_tflite(folder.path() / "stored.tflite")), to_tflite(through_file(graph)));
}

}  // namespace
}  // namespace thimble::tflite
