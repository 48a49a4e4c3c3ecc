#include "compress/prune/mask_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "compress/prune/prune.h"
#include "compress/quantize/quantize.h"
#include "compress/small_classifier.h"
#include "graph/mask.h"
#include "support/expect_error.h"
#include "support/random_network.h"
#include "zoo/zoo.h"

namespace thimble::prune {
namespace {

using test::small_network;
using test::small_set;

constexpr Granularity kMasks[] = {Granularity::kKernel, Granularity::kBlock1x4, Granularity::kBlock4x1,
                                  Granularity::kWeight};

bool is_layer(const Node& node) {
  return std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<DepthwiseConv2D>(node.op) ||
         std::holds_alternative<FullyConnected>(node.op);
}

/// The unit of a weight by its place (output, row, column, input), written out for each granularity.
std::vector<int32_t> unit_at(Granularity granularity, const Node& node, const Shape& shape, size_t element) {
  const auto i = static_cast<int32_t>(element);
  int32_t output = i / (shape.size() == 2 ? shape[1] : shape[1] * shape[2] * shape[3]);
  int32_t place = shape.size() == 2 ? 0 : i / shape[3] % (shape[1] * shape[2]);
  int32_t input = i % shape.back();
  int32_t inputs = shape.back();
  if (std::holds_alternative<DepthwiseConv2D>(node.op)) {
    output = input;
    input = 0;
    inputs = 1;
    place = i / shape[3];
  }
  switch (granularity) {
    case Granularity::kKernel:
      return {output, input};
    case Granularity::kBlock1x4:
      return {output, (place * inputs + input) / 4};
    case Granularity::kBlock4x1:
      return {output / 4, place, input};
    default:
      return {i};
  }
}

TEST(MaskWeights, zeroes_whole_units_the_least_important_of_each_layer) {
  for (const char* name : {"ds-cnn", "resnet8", "har-cnn"}) {
    const Graph graph = zoo::build(name, 1);
    for (const Granularity granularity : kMasks) {
      const Graph masked =
          mask_weights(graph, granularity, Criterion::kL1, {.keep = 0.4}, false, {}, {}, Random(1));
      const Sparsity sparsity = sparsity_of(masked);
      EXPECT_LE(static_cast<double>(sparsity.weights - sparsity.zeros),
                0.4 * static_cast<double>(sparsity.weights));
      EXPECT_GE(static_cast<double>(sparsity.weights - sparsity.zeros),
                0.39 * static_cast<double>(sparsity.weights));
      EXPECT_EQ(masked.metadata.at(std::string(kMaskKey)), name_of(granularity));
      for (const Node& node : graph.nodes) {
        if (!is_layer(node)) continue;
        const Tensor& tensor = graph.tensor(node.inputs[1]);
        const auto before = tensor.values<float>();
        const auto after = masked.tensor(node.inputs[1]).values<float>();
        struct Unit {
          double sum = 0;
          int weights = 0;
          int zeros = 0;
        };
        std::map<std::vector<int32_t>, Unit> units;
        for (size_t i = 0; i < before.size(); ++i) {
          Unit& unit = units[unit_at(granularity, node, tensor.shape, i)];
          unit.sum += std::abs(before[i]);
          ++unit.weights;
          if (after[i] == 0) ++unit.zeros;
          EXPECT_TRUE(after[i] == 0 || after[i] == before[i]);
        }
        double most_important_zero = 0;
        double least_important_kept = INFINITY;
        for (const auto& [place, unit] : units) {
          ASSERT_TRUE(unit.zeros == 0 || unit.zeros == unit.weights) << name_of(granularity) << node.name;
          const double importance = unit.sum / unit.weights;
          if (unit.zeros > 0) most_important_zero = std::max(most_important_zero, importance);
          if (unit.zeros == 0) least_important_kept = std::min(least_important_kept, importance);
        }
        EXPECT_LE(most_important_zero, least_important_kept + 1e-9);
      }
    }
  }
}

TEST(MaskWeights, counts_a_weight_as_often_as_it_is_multiplied) {
  const Graph graph = zoo::build("resnet8", 1);
  for (const Ranking ranking : {Ranking::kLocal, Ranking::kGlobal, Ranking::kPerCost}) {
    const Graph masked = mask_weights(graph, Granularity::kWeight, Criterion::kL2,
                                      {.ranking = ranking, .keep = 0.3}, true, {}, {}, Random(1));
    double all = 0;
    double left = 0;
    for (const Node& node : masked.nodes) {
      if (!is_layer(node)) continue;
      const auto weights = masked.tensor(node.inputs[1]).values<float>();
      const double macs = static_cast<double>(mac_count(masked, node)) / static_cast<double>(weights.size());
      all += macs * static_cast<double>(weights.size());
      left += macs * static_cast<double>(std::ranges::count_if(weights, [](float w) { return w != 0; }));
    }
    EXPECT_LE(left, 0.3 * all * (1 + 1e-9));
    EXPECT_GT(left, 0.29 * all);
  }
}

/// Where the weights of a graph's layers are zero, by the names of layers.
std::map<std::string, std::vector<bool>> zeros_of(const Graph& graph) {
  std::map<std::string, std::vector<bool>> zeros;
  for (const Node& node : graph.nodes) {
    if (!is_layer(node)) continue;
    const Tensor& weights = graph.tensor(node.inputs[1]);
    auto& of_layer = zeros[node.name];
    if (weights.type == DataType::kFloat32) {
      for (const float weight : weights.values<float>()) of_layer.push_back(weight == 0);
    } else {
      for (const int8_t weight : int8_values(weights)) of_layer.push_back(weight == 0);
    }
  }
  return zeros;
}

/// Whether everything that is zero in `few` is in `many`.
bool contains(const std::map<std::string, std::vector<bool>>& many,
              const std::map<std::string, std::vector<bool>>& few) {
  for (const auto& [layer, zeros] : few) {
    for (size_t i = 0; i < zeros.size(); ++i) {
      if (zeros[i] && !many.at(layer).at(i)) return false;
    }
  }
  return true;
}

PruneOptions with_recovery(Granularity granularity) {
  PruneOptions options;
  options.granularity = granularity;
  options.measure = Measure::kParameters;
  options.select = {.ranking = Ranking::kLocal, .keep = 0.5};
  options.recovery.emplace();
  options.recovery->epochs = 2;
  options.recovery->batch_size = 20;
  options.recovery->threads = 1;
  options.recovery->ema = 0.9;
  return options;
}

TEST(MaskWeights, masks_survive_recovery_later_training_and_quantization) {
  const data::Dataset set = small_set(60);
  for (const Granularity granularity : kMasks) {
    const PruneOptions options = with_recovery(granularity);
    const Graph masked = prune(small_network(), set, nullptr, options);
    const auto zeros = zeros_of(masked);
    const Sparsity sparsity = sparsity_of(masked);
    // Channels that nothing reads have left, with zeros of their own.
    EXPECT_GE(10 * sparsity.zeros, 4 * sparsity.weights);
    EXPECT_LT(sparsity.zeros, sparsity.weights);

    const Graph trained = train::train(masked, set, *options.recovery);
    EXPECT_EQ(zeros_of(trained), zeros);

    for (const int32_t bits : {8, 4}) {
      quantize::Options quantize_options;
      quantize_options.post_training.samples = 30;
      quantize_options.post_training.weights.bits = bits;
      quantize_options.post_training.equalize = true;
      quantize_options.post_training.least_squares_scales = true;
      quantize_options.post_training.adaptive_rounding = true;
      quantize_options.post_training.bias_correction = true;
      EXPECT_TRUE(contains(zeros_of(quantize::quantize(masked, set, quantize_options).integer), zeros));
      quantize_options.training = options.recovery;
      EXPECT_TRUE(contains(zeros_of(quantize::quantize(masked, set, quantize_options).integer), zeros));
    }
  }
}

TEST(MaskWeights, training_fills_zeros_that_are_no_mask) {
  const data::Dataset set = small_set(60);
  PruneOptions options = with_recovery(Granularity::kWeight);
  Graph graph = mask_weights(small_network(), Granularity::kWeight, Criterion::kL1, {.keep = 0.5}, false, {},
                             {}, Random(1));
  graph.metadata.clear();
  const size_t before = sparsity_of(graph).zeros;
  EXPECT_LT(10 * sparsity_of(train::train(graph, set, *options.recovery)).zeros, before);
}

TEST(MaskWeights, steps_add_to_what_is_zero) {
  const data::Dataset set = small_set(60);
  PruneOptions options = with_recovery(Granularity::kBlock1x4);
  options.select.keep = 0.25;
  options.steps = 2;
  std::vector<std::string> lines;
  PruneHooks hooks;
  hooks.on_step = [&](std::string_view line) { lines.emplace_back(line); };
  const Graph masked = prune(small_network(), set, nullptr, options, hooks);
  const Sparsity sparsity = sparsity_of(masked);
  EXPECT_GE(static_cast<double>(sparsity.zeros), 0.75 * static_cast<double>(sparsity.weights) - 4);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[1].find("weights are zero"), std::string::npos);
}

TEST(RemoveUnreadChannels, computes_the_same_without_them) {
  size_t smaller = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Graph graph = test::random_classifier(Random(seed));
    // Some of the channels that each layer reads meet zeros alone.
    Random random = Random(seed).fork(5);
    for (const Node& node : graph.nodes) {
      if (!is_layer(node) || std::holds_alternative<DepthwiseConv2D>(node.op)) continue;
      Tensor& weights = graph.tensor(node.inputs[1]);
      const auto inputs = static_cast<uint32_t>(weights.shape.back());
      std::vector<bool> is_unread(inputs);
      for (uint32_t c = 0; c < inputs; ++c) is_unread[c] = random.below(2) == 0;
      const auto values = weights.values<float>();
      for (size_t i = 0; i < values.size(); ++i) {
        if (is_unread[i % inputs]) values[i] = 0;
      }
    }
    const Graph removed = remove_unread_channels(graph);
    smaller += parameter_count(removed) < parameter_count(graph) ? 1 : 0;
    const auto input = test::random_input(graph, Random(seed).fork(1));
    const auto expected = test::run_float32(graph, input);
    const auto actual = test::run_float32(removed, input);
    ASSERT_EQ(expected.size(), actual.size());
    float magnitude = 1;
    for (const float value : expected) magnitude = std::max(magnitude, std::abs(value));
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(expected[i], actual[i], 1e-5F * magnitude) << "seed " << seed;
    }
  }
  EXPECT_GT(smaller, 150U);
  const Graph whole = zoo::build("resnet8", 1);
  EXPECT_EQ(parameter_count(remove_unread_channels(whole)), parameter_count(whole));
}

TEST(Importance, of_the_granularity_channel_is_that_of_the_weights_that_read_it) {
  const Graph graph = small_network();
  const auto groups = channel_groups(graph);
  const auto importance =
      channel_importance(graph, groups, Criterion::kL1, {}, {}, Random(1), Granularity::kChannel)[0];
  const Node& second = *std::ranges::find(graph.nodes, "second", &Node::name);
  const auto weights = graph.tensor(second.inputs[1]).values<float>();
  std::vector<double> sums(4, 0);
  double all = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sums[i % 4] += std::abs(weights[i]);
    all += std::abs(weights[i]);
  }
  for (size_t c = 0; c < 4; ++c) EXPECT_NEAR(importance[c], sums[c] / (all / 4), 1e-5);
  PruneOptions options;
  options.granularity = Granularity::kChannel;
  const Graph pruned = prune_without_data(zoo::build("resnet8", 1), options);
  EXPECT_LE(2 * mac_count(pruned), mac_count(zoo::build("resnet8", 1)));
}

TEST(MaskWeights, says_what_it_cannot_do) {
  PruneOptions options;
  options.granularity = Granularity::kWeight;
  options.measure = Measure::kCycles;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"cycles", "save none"});
  options.measure = Measure::kMacs;
  options.select.multiple = 4;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"multiple"});
  options.select.multiple = 1;
  options.criterion = Criterion::kFpgm;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"judges channels"});
  options.criterion = Criterion::kTaylor;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"data set"});
  options.criterion = Criterion::kL1;
  options.select.keep = 0.05;
  options.select.least = 0.5;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"5.0 %", "least"});
  test::expect_error([] { granularity_named("blok"); }, {"'blok'", "block-1x4"});
}

}  // namespace
}  // namespace thimble::prune
