#include "compress/quantize/post_training.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/process.h"
#include "compress/quantize/calibrate.h"
#include "deploy/verify.h"
#include "device/profile.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "graph/input_bytes.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"
#include "support/random_network.h"
#include "zoo/zoo.h"

namespace thimble::quantize {
namespace {

/// Random images of the shape that a graph takes, in two classes.
data::Dataset random_set(const Graph& graph, size_t count) {
  const Shape& shape = graph.tensor(graph.inputs[0]).shape;
  data::Dataset set;
  set.name = "random";
  set.sample_shape.assign(shape.begin() + 1, shape.end());
  set.class_names = {"a", "b"};
  Random random(5);
  set.samples.resize(count * element_count(shape));
  for (uint8_t& value : set.samples) value = static_cast<uint8_t>(random.below(256));
  for (size_t i = 0; i < count; ++i) set.labels.push_back(static_cast<int32_t>(i % 2));
  return set;
}

std::vector<float> floats_of(const data::Dataset& set, size_t index) {
  std::vector<float> values(set.sample_elements());
  data::read_sample(set, index, values);
  return values;
}

TEST(Calibrate, finds_the_ranges_that_the_portable_float_kernels_compute) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Graph graph = fuse_activations(fold_batch_norm(test::random_network(Random(seed))));
    const data::Dataset set = random_set(graph, 6);
    const std::vector<size_t> indices = {0, 2, 5};
    const std::vector<Range> ranges = calibrate(graph, set, indices);

    std::vector<Range> expected(graph.tensors.size(), {INFINITY, -INFINITY});
    ReferenceRun run(graph);
    for (const size_t index : indices) {
      const std::vector<float> values = floats_of(set, index);
      const std::span<const std::byte> inputs[] = {std::as_bytes(std::span(values))};
      run.run(inputs);
      for (size_t id = 0; id < graph.tensors.size(); ++id) {
        if (graph.tensors[id].is_constant()) continue;
        const auto bytes = run.bytes(static_cast<TensorId>(id));
        for (const float value : std::span(reinterpret_cast<const float*>(bytes.data()), bytes.size() / 4)) {
          expected[id].low = std::min(expected[id].low, value);
          expected[id].high = std::max(expected[id].high, value);
        }
      }
    }
    for (size_t id = 0; id < graph.tensors.size(); ++id) {
      if (graph.tensors[id].is_constant()) continue;
      if (set.is_image() && static_cast<TensorId>(id) == graph.inputs[0]) expected[id] = {0, 1};
      const float tolerance = 1e-4F * (1 + std::max(std::abs(expected[id].low), std::abs(expected[id].high)));
      EXPECT_NEAR(ranges[id].low, expected[id].low, tolerance) << "seed " << seed;
      EXPECT_NEAR(ranges[id].high, expected[id].high, tolerance) << "seed " << seed;
    }
  }
}

TEST(Calibrate, refuses_no_samples_and_values_that_are_not_finite) {
  Graph graph = fuse_activations(fold_batch_norm(zoo::build("mnist-cnn", 1)));
  const data::Dataset set = random_set(graph, 4);
  const std::vector<size_t> one = {0};
  test::expect_error([&] { calibrate(graph, set, {}); }, {"no samples"});
  graph.tensor(graph.nodes[0].inputs[1]).values<float>()[0] = std::numeric_limits<float>::infinity();
  test::expect_error([&] { calibrate(graph, set, one); }, {"not finite", "learning rate"});
}

TEST(Calibrate, every_rule_gives_ranges_within_the_smallest_and_largest_values_and_the_same_ones_again) {
  const Graph graph = fuse_activations(fold_batch_norm(zoo::build("mnist-cnn", 1)));
  const data::Dataset set = random_set(graph, 12);
  std::vector<size_t> indices(set.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  const std::vector<Range> widest = calibrate(graph, set, indices);
  for (const std::string& name : range_rule_names()) {
    const CalibrationOptions options{.rule = range_rule_named(name)};
    EXPECT_EQ(name_of(options.rule), name);
    const std::vector<Range> ranges = calibrate(graph, set, indices, options);
    const std::vector<Range> again = calibrate(graph, set, indices, options);
    for (size_t id = 0; id < ranges.size(); ++id) {
      if (graph.tensors[id].is_constant()) continue;
      EXPECT_GE(ranges[id].low, std::min(widest[id].low, 0.0F)) << name;
      EXPECT_LE(ranges[id].high, std::max(widest[id].high, 0.0F)) << name;
      EXPECT_EQ(ranges[id].low, again[id].low);
      EXPECT_EQ(ranges[id].high, again[id].high);
    }
    const auto input = static_cast<size_t>(graph.inputs[0]);
    EXPECT_EQ(ranges[input].high, widest[input].high) << "an image loses nothing by any rule";
    EXPECT_NO_THROW(quantize_from_ranges(graph, ranges)) << name;
  }
}

TEST(Calibrate, a_moving_average_is_that_of_each_samples_smallest_and_largest) {
  const Graph graph = fuse_activations(fold_batch_norm(zoo::build("mnist-cnn", 1)));
  const data::Dataset set = random_set(graph, 40);  // more than observe takes at a time
  std::vector<size_t> indices(set.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  const auto ranges = calibrate(graph, set, indices, {.rule = RangeRule::kMovingAverage, .momentum = 0.9});
  const auto logits = static_cast<size_t>(graph.nodes[graph.nodes.size() - 2].outputs[0]);
  double high = 0;
  for (size_t i = 0; i < set.size(); ++i) {
    const size_t one[] = {i};
    high +=
        std::max(0.1, 1.0 / static_cast<double>(i + 1)) * (calibrate(graph, set, one)[logits].high - high);
  }
  EXPECT_NEAR(ranges[logits].high, high, 1e-4 * std::abs(high));
}

TEST(Calibrate, refuses_data_of_another_shape_and_rules_that_make_no_sense) {
  const Graph graph = fuse_activations(fold_batch_norm(zoo::build("mnist-cnn", 1)));
  const data::Dataset set = random_set(graph, 4);
  const data::Dataset other = random_set(zoo::build("resnet8", 1), 4);
  const std::vector<size_t> one = {0};
  test::expect_error([&] { calibrate(graph, other, one); }, {"32"});
  test::expect_error([&] { calibrate(graph, set, one, {.percentile = 20}); }, {"percentile", "99.99"});
  test::expect_error([&] { calibrate(graph, set, one, {.momentum = 1}); }, {"momentum"});
  test::expect_error([&] { range_rule_named("best"); }, {"best", "entropy"});
}

TEST(PostTraining, the_chosen_rule_is_the_one_of_least_divergence) {
  const Graph graph = zoo::build("mnist-cnn", 3);
  const data::Dataset set = random_set(graph, 24);
  PostTrainingOptions options;
  options.samples = 24;
  options.bias_correction = true;  // so that the divergence of plain rounding is told
  std::string best;
  double least = std::numeric_limits<double>::infinity();
  for (const std::string& rule : range_rule_names()) {
    options.calibration.rule = range_rule_named(rule);
    const double divergence = post_training(graph, set, options).gains[0].fidelity.divergence;
    if (divergence < least) best = rule;
    least = std::min(least, divergence);
  }
  options.calibration.rule = range_rule_named(best == "min-max" ? "mse" : "min-max");
  options.choose_rule = true;
  const PostTraining chosen = post_training(graph, set, options);
  EXPECT_EQ(chosen.gains[0].fidelity.divergence, least);
  EXPECT_EQ(chosen.integer.metadata.at("calibration").find(best), 0U);
}

TEST(PostTraining, dead_channels_outliers_and_a_single_sample_still_give_a_network_that_runs) {
  Graph graph = zoo::build("mnist-cnn", 1);
  const auto weights = graph.tensor(graph.nodes[0].inputs[1]).values<float>();
  std::fill_n(weights.begin(), 9, 0.0F);  // the first channel is dead
  weights[9] = 1e6F;                      // the second has one weight a million times the others
  const data::Dataset set = random_set(graph, 4);
  for (const std::string& rule : range_rule_names()) {
    for (const int32_t bits : {8, 4, 2}) {
      PostTrainingOptions options;
      options.samples = 1;
      options.calibration.rule = range_rule_named(rule);
      options.weights.bits = bits;
      const Graph quantized = post_training_quantize(graph, set, options);
      EXPECT_NO_THROW(ReferenceRun{quantized}) << rule << " " << bits;
    }
  }
}

TEST(PostTraining, integer_outputs_follow_the_float_network_within_quantization_error) {
  const Graph graph = zoo::build("resnet8", 3);
  const data::Dataset set = random_set(graph, 24);
  const Graph quantized = post_training_quantize(graph, set, {.samples = 16, .seed = 1});
  validate(quantized);
  EXPECT_TRUE(is_quantized(quantized));
  EXPECT_LT(weight_bytes(quantized) * 3, weight_bytes(graph));

  // The layer before the softmax: eight bits over its range on calibration samples.
  const Node& dense = quantized.nodes[quantized.nodes.size() - 2];
  const Tensor& logits = quantized.tensor(dense.outputs[0]);
  const Graph prepared = fuse_activations(fold_batch_norm(graph));
  const TensorId float_logits = prepared.nodes[prepared.nodes.size() - 2].outputs[0];
  ReferenceRun integer(quantized);
  ReferenceRun floating(prepared);
  for (size_t i = 0; i < set.size(); ++i) {
    const std::vector<float> values = floats_of(set, i);
    const auto bytes = input_bytes(quantized.tensor(quantized.inputs[0]), values);
    const std::span<const std::byte> integer_inputs[] = {bytes};
    const std::span<const std::byte> float_inputs[] = {std::as_bytes(std::span(values))};
    integer.run(integer_inputs);
    floating.run(float_inputs);
    const auto got = integer.bytes(dense.outputs[0]);
    const auto expected = floating.bytes(float_logits);
    const float scale = logits.quantization->scales[0];
    for (size_t c = 0; c < got.size(); ++c) {
      const float real =
          scale * static_cast<float>(static_cast<int8_t>(got[c]) - logits.quantization->zero_points[0]);
      EXPECT_NEAR(real, reinterpret_cast<const float*>(expected.data())[c], 16 * scale);
    }
  }
}

TEST(PostTraining, every_width_computes_equal_bytes_as_c_here_and_on_a_cortex_m4) {
  if (!find_program("qemu-system-arm") || !find_program("arm-none-eabi-gcc")) {
    GTEST_SKIP() << "qemu-system-arm or arm-none-eabi-gcc is not installed";
  }
  const Graph graph = zoo::build("resnet8", 3);
  const data::Dataset set = random_set(graph, 24);
  for (const int32_t bits : {8, 4, 3, 2}) {
    const Graph quantized =
        post_training_quantize(graph, set, {.samples = 16, .seed = 1, .weights = {.bits = bits}});
    std::vector<std::vector<std::byte>> samples;
    for (size_t i = 0; i < 2; ++i) {
      samples.push_back(input_bytes(quantized.tensor(quantized.inputs[0]), floats_of(set, i)));
    }
    const auto result = deploy::verify(quantized, device::load_device("nano33ble"), samples);
    EXPECT_EQ(result.mismatches, 0U) << bits << " bits: " << deploy::describe_mismatch(result);
    EXPECT_GT(result.bytes_compared, 2U * 100'000);
  }
}

TEST(PostTraining, the_same_seed_gives_the_same_bytes_and_the_metadata_says_how) {
  const Graph graph = zoo::build("mnist-cnn", 1);
  const data::Dataset set = random_set(graph, 20);
  const Graph a = post_training_quantize(graph, set, {.samples = 8, .seed = 4});
  const Graph b = post_training_quantize(graph, set, {.samples = 8, .seed = 4});
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t id = 0; id < a.tensors.size(); ++id) {
    EXPECT_EQ(a.tensors[id].data, b.tensors[id].data);
    EXPECT_EQ(a.tensors[id].quantization, b.tensors[id].quantization);
  }
  EXPECT_EQ(a.metadata.at("calibration"), "min-max, 8 samples of random, seed 4");
}

TEST(PostTraining, refuses_a_network_that_is_quantized_already) {
  const Graph graph = zoo::build("mnist-cnn", 1);
  const data::Dataset set = random_set(graph, 4);
  const Graph quantized = post_training_quantize(graph, set, {.samples = 4, .seed = 1});
  test::expect_error([&] { post_training_quantize(quantized, set, {}); }, {"quantized already"});
}

}  // namespace
}  // namespace thimble::quantize
