#include "deploy/verify.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "deploy/limits.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "deploy/results_json.h"
#include "graph/builder.h"
#include "graph/quantize_from_ranges.h"
#include "support/expect_error.h"
#include "support/small_zoo.h"
#include "zoo/zoo.h"

namespace thimble::deploy {
namespace {

std::vector<std::vector<std::byte>> float_samples(const Graph& graph, size_t count) {
  Random random(3);
  std::vector<std::vector<std::byte>> samples;
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> values(graph.tensor(graph.inputs[0]).elements());
    for (float& value : values) value = static_cast<float>(random.uniform());
    samples.push_back(Tensor::to_bytes(std::span<const float>(values)));
  }
  return samples;
}

TEST(Verify, the_zoo_computes_the_same_everywhere) {
  const device::DeviceProfile device = device::load_device("nano33ble");
  for (const char* model : test::kSmallZoo) {
    const Graph graph = prepare(zoo::build(model, 1));
    const Verification result = verify(graph, device, float_samples(graph, 2));
    EXPECT_EQ(result.samples, 2U);
    size_t bytes = 0;
    for (const Node& node : graph.nodes) bytes += graph.tensor(node.outputs[0]).bytes();
    EXPECT_EQ(result.bytes_compared, 2 * bytes);
    EXPECT_EQ(result.mismatches, 0U) << model << ": " << describe_mismatch(result);
  }
}

TEST(Verify, a_device_without_an_emulator_is_refused_before_the_work) {
  const Graph graph = prepare(zoo::build("mnist-cnn", 1));
  device::DeviceProfile device = device::load_device("nano33ble");
  device.emulated_board.value = "microbit";
  test::expect_error([&] { verify(graph, device, {}); }, {"no emulated board microbit"});
}

TEST(Verify, emulators_are_started_with_no_more_than_they_can_do_in_minutes) {
  const Graph graph = prepare(zoo::build("resnet8", 1));
  size_t calls = 0;
  verify(graph, device::load_device("nano33ble"), float_samples(graph, 12),
         [&](const ProgressUpdate&) { ++calls; }, {.emulator = false});
  EXPECT_GT(calls, 1U);
}

TEST(Profile, every_figure_adds_up) {
  const device::DeviceProfile device = device::load_device("nano33ble");
  const Graph graph = prepare(zoo::build("mnist-cnn", 1));
  const Profile p = profile(graph, device, float_samples(graph, 1)[0]);
  EXPECT_EQ(p.why, "");
  uint64_t instructions = 0;
  uint64_t cycles = 0;
  size_t weights = 0;
  for (const LayerProfile& layer : p.layers) {
    instructions += layer.instructions.value();
    cycles += layer.cycles.value();
    weights += layer.weights_bytes;
    EXPECT_GE(*layer.instructions, layer.macs);
  }
  EXPECT_EQ(weights, p.weights_bytes);
  EXPECT_LE(instructions, p.instructions.value());
  EXPECT_GE(instructions + 200, p.instructions.value()) << "the run itself is a few calls";
  EXPECT_LE(cycles, p.cycles.value());
  EXPECT_GT(*p.cycles, *p.instructions);
  EXPECT_NEAR(p.latency.value().latency_ms, static_cast<double>(*p.cycles) / 64e3, 1e-9);
  EXPECT_LE(p.latency->low_ms, p.latency->latency_ms);
  EXPECT_GT(p.latency->high_ms, p.latency->latency_ms);
  EXPECT_EQ(p.latency->basis, device::LatencyBasis::kCounted);
  EXPECT_GE(*p.ram_bytes, p.arena_bytes + *p.stack_bytes);
  EXPECT_GE(p.stack_bound_bytes.value(), *p.stack_bytes);
  EXPECT_EQ(*p.flash_bytes, *p.code_bytes + p.weights_bytes);
  EXPECT_EQ(to_json(p)["layers"].size(), graph.nodes.size());
}

/// Convolutions of one image, each with as many channels as its name says.
Profile convolutions(const std::vector<int32_t>& channels, const device::DeviceProfile& device) {
  GraphBuilder builder("convolutions", 1);
  const TensorId x = builder.input("x", {1, 8, 8, 8});
  std::vector<TensorId> outputs;
  for (const int32_t count : channels) outputs.push_back(builder.conv2d(x, count, {.bias = true}));
  const Graph float32 = prepare(builder.finish(outputs));
  const Graph graph =
      prepare(quantize_from_ranges(float32, std::vector<Range>(float32.tensors.size(), {-4, 4})));
  return profile(graph, device, std::vector<std::byte>(graph.tensor(graph.inputs[0]).bytes(), std::byte{3}));
}

TEST(Profile, the_channels_that_are_advised_are_faster) {
  for (const char* name : {"nano33ble", "esp32c3"}) {
    // Each alone: in one network, the largest gives cycles for a smaller arena.
    const auto cycles = [&](int32_t channels) {
      const Profile p = convolutions({channels}, device::load_device(name));
      return static_cast<double>(p.layers[0].cycles.value());
    };
    const double of_29 = cycles(29);
    const double of_32 = cycles(32);
    EXPECT_LT(cycles(28), of_29) << name << ": 28 are faster than 29";
    EXPECT_LT(of_32 / 32, cycles(31) / 31) << name << ": 32 take less time a channel than 31";
    EXPECT_LT(of_32 / 32, of_29 / 29) << name;
  }
  const Profile p = convolutions({31, 32, 30}, device::load_device("esp32"));
  EXPECT_LT(*p.layers[2].cycles, *p.layers[0].cycles);
  EXPECT_LT(static_cast<double>(*p.layers[1].cycles) / 32, static_cast<double>(*p.layers[0].cycles) / 31);
}

TEST(Profile, an_esp32_computes_floats_in_its_floating_point_unit) {
  GraphBuilder builder("floats", 1);
  const TensorId x = builder.input("x", {1, 8, 8, 8});
  const Graph graph = prepare(builder.finish({builder.conv2d(x, 16, {.bias = true})}));
  const std::vector<std::byte> sample(graph.tensor(graph.inputs[0]).bytes());
  const Profile esp32 = profile(graph, device::load_device("esp32"), sample);
  ASSERT_TRUE(esp32.latency) << esp32.why;
  EXPECT_EQ(esp32.latency->basis, device::LatencyBasis::kModelled);
  const auto per_mac = [](const Profile& p) {
    return static_cast<double>(*p.layers[0].cycles) / static_cast<double>(p.macs);
  };
  EXPECT_GT(per_mac(esp32), 3);
  EXPECT_LT(per_mac(esp32), 10) << "a function of the library for each product would take a hundred";
  // A core without the unit calls such functions.
  EXPECT_GT(per_mac(profile(graph, device::load_device("esp32c3"), sample)), 50);
}

TEST(Profile, an_esp32_has_no_time_for_floats_that_become_integers) {
  GraphBuilder builder("entry", 1);
  Graph graph = builder.finish({builder.input("x", {1, 8})});
  Tensor integers{.name = "integers", .type = DataType::kInt8, .shape = {1, 8}};
  integers.quantization = Quantization{{0.1F}, {0}, -1, 8};
  const TensorId id = graph.add(std::move(integers));
  graph.nodes.push_back({"entry", Quantize{}, {graph.inputs[0]}, {id}});
  graph.outputs = {id};
  validate(graph);
  const std::vector<std::byte> sample(graph.tensor(graph.inputs[0]).bytes());
  const Profile esp32 = profile(graph, device::load_device("esp32"), sample);
  EXPECT_FALSE(esp32.latency);
  EXPECT_NE(esp32.why.find("floats beside integers"), std::string::npos) << esp32.why;
}

Profile with_layers(const std::vector<std::pair<uint64_t, size_t>>& cycles_and_arena) {
  Profile profile;
  uint64_t cycles = 0;
  for (const auto& [layer_cycles, arena] : cycles_and_arena) {
    LayerProfile layer;
    layer.name = fmt::format("layer_{}", profile.layers.size());
    layer.op = "Conv2D";
    layer.cycles = layer_cycles;
    layer.arena_bytes = arena;
    profile.layers.push_back(layer);
    cycles += layer_cycles;
  }
  profile.cycles = cycles;
  return profile;
}

TEST(Profile, the_bottleneck_is_told_in_words) {
  const device::DeviceProfile device = device::load_device("nano33ble");  // four channels at a time
  Profile p = with_layers({{390, 100}, {610, 100}});
  for (LayerProfile& layer : p.layers) layer.macs = 100;
  p.macs = 200;
  p.layers[1].channels = 138;
  EXPECT_EQ(
      describe_bottleneck(p, device),
      "'layer_1' (Conv2D) takes 61 % of the time: 6.10 cycles a multiply-accumulate, 5.00 over all "
      "layers. Its 138 output channels are no multiple of 4: 136 would be faster, and 140 take less time a "
      "channel.");
  p.layers[1].channels = 1;
  EXPECT_NE(describe_bottleneck(p, device).find("of 4: 4 take less time a channel."), std::string::npos);
  p.layers[1].channels = 140;
  EXPECT_EQ(describe_bottleneck(p, device).find("multiple of"), std::string::npos);
  p.cycles.reset();
  EXPECT_EQ(describe_bottleneck(p, device), "'layer_0' (Conv2D) takes 50 % of the multiply-accumulates.");
  EXPECT_EQ(describe_bottleneck(Profile{}, device), "");
}

TEST(Profile, ram_is_drawn_over_time_and_no_peak_is_left_out) {
  const std::string drawn = draw_ram(with_layers({{300, 100}, {1, 800}, {299, 400}}));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < drawn.size();) {
    const size_t end = drawn.find('\n', begin);
    lines.push_back(drawn.substr(begin, end - begin));
    EXPECT_LE(lines.back().size(), 80U);
    begin = end + 1;
  }
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_NE(lines[0].find("'layer_1'"), std::string::npos) << drawn;
  EXPECT_EQ(lines[1], "800 B |" + std::string(30, ' ') + "#") << "a layer of no time to speak of";
  EXPECT_EQ(lines[5], "      |" + std::string(30, ' ') + std::string(30, '#'));
  EXPECT_EQ(lines[8], "      |" + std::string(60, '#'));
  EXPECT_EQ(lines[9], "  0 B +" + std::string(60, '-'));
  EXPECT_EQ(draw_ram(Profile{}), "");
}

TEST(Limits, each_that_is_missed_is_named_the_nearest_first) {
  const auto limits = [](const std::string& text) { return parse_limits(TomlTable::parse(text, "limits")); };
  Profile profile;
  profile.latency.emplace().latency_ms = 44.6;
  profile.ram_bytes = 9888;
  EXPECT_TRUE(misses(limits("latency_ms = 44.6\nram_bytes = 9888\naccuracy = 0.9"), profile, 0.9).empty());
  const std::vector<Miss> missed =
      misses(limits("latency_ms = 20\nram_bytes = 9000\naccuracy = 0.97\nenergy_uj = 5"), profile, 0.95);
  ASSERT_EQ(missed.size(), 4U);
  EXPECT_EQ(missed[0].text, "accuracy is 95.00 %, allowed is at least 97.00 %");
  EXPECT_EQ(missed[1].text, "RAM is 9,888 B, allowed is at most 9,000 B: 9.9 % over");
  EXPECT_EQ(missed[2].text, "latency is 44.60 ms, allowed is at most 20.00 ms: 123.0 % over");
  EXPECT_EQ(missed[3].text, "energy is not known, allowed is at most 5.0 uJ");
  EXPECT_EQ(misses(limits("flash_bytes = 5"), std::nullopt, std::nullopt).size(), 1U);
  test::expect_error([&] { limits("latency_s = 1"); }, "'latency_s'");
  test::expect_error([&] { limits("accuracy = 97"); }, "'accuracy'");
}

TEST(Profile, what_cannot_be_had_is_null_with_a_reason) {
  device::DeviceProfile device = device::load_device("nano33ble");
  device.core.value = "abacus";
  const Graph graph = prepare(zoo::build("mnist-cnn", 1));
  const nlohmann::json document = to_json(profile(graph, device, float_samples(graph, 1)[0]));
  EXPECT_TRUE(document["cycles"].is_null());
  EXPECT_TRUE(document["layers"][0]["instructions"].is_null());
  EXPECT_NE(document["why"].get<std::string>().find("abacus"), std::string::npos);
  EXPECT_GT(document["arena_bytes"], 0);
}

}  // namespace
}  // namespace thimble::deploy
