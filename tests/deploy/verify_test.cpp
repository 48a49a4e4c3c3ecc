#include "deploy/verify.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "deploy/results_json.h"
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
  EXPECT_EQ(*p.flash_bytes, *p.code_bytes + p.weights_bytes);
  EXPECT_EQ(to_json(p)["layers"].size(), graph.nodes.size());
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
