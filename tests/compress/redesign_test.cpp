#include "compress/redesign/redesign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "base/files.h"
#include "compress/redesign/depth.h"
#include "compress/redesign/separable.h"
#include "compress/redesign/width.h"
#include "compress/small_classifier.h"
#include "graph/channel_groups.h"
#include "graph/quantize_from_ranges.h"
#include "support/expect_error.h"
#include "support/random_network.h"
#include "zoo/zoo.h"

namespace thimble::redesign {
namespace {

using test::random_input;
using test::run_float32;
using test::small_network;
using test::small_set;

void expect_same_outputs(const Graph& expected, const Graph& actual, uint64_t seed) {
  ASSERT_EQ(expected.tensor(expected.outputs[0]).shape, actual.tensor(actual.outputs[0]).shape);
  const auto input = random_input(expected, Random(seed).fork(1));
  const auto before = run_float32(expected, input);
  const auto after = run_float32(actual, input);
  float magnitude = 1;
  for (const float value : before) magnitude = std::max(magnitude, std::abs(value));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(before[i], after[i], 1e-5F * magnitude) << "seed " << seed;
  }
}

/// What `change` makes of a graph, or nothing where it finds nothing to change.
template <typename Change>
std::optional<Graph> changed(const Change& change) {
  try {
    return change();
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(ScaleWidth, above_1_keeps_the_outputs_of_random_networks) {
  size_t widened = 0;
  std::set<std::string_view> operators;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Graph graph = test::random_classifier(Random(seed));
    const double factor = 1.2 + Random(seed).fork(3).uniform() * 2;
    const auto wider = changed([&] { return scale_width(graph, factor, 1, Random(seed)); });
    if (!wider) continue;
    ++widened;
    EXPECT_GT(parameter_count(*wider), parameter_count(graph));
    expect_same_outputs(graph, *wider, seed);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const TensorId x = graph.nodes[n].inputs[0];
      if (wider->tensor(x).shape != graph.tensor(x).shape) operators.insert(name_of(graph.nodes[n].op));
    }
  }
  EXPECT_GT(widened, 400U);
  for (const char* name : {"Conv2D", "DepthwiseConv2D", "FullyConnected", "Add", "Mul", "Sub", "Maximum",
                           "Concat", "BatchNorm", "MaxPool2D", "AveragePool2D", "Mean", "Reshape", "Slice"}) {
    EXPECT_TRUE(operators.contains(name)) << "no wider " << name << " among the random networks";
  }
}

TEST(ScaleWidth, multiplies_the_channels_of_every_group_that_is_free) {
  const Graph graph = zoo::build("resnet8", 1);
  for (const double factor : {0.5, 1.5, 2.0}) {
    const Graph scaled = scale_width(graph, factor, 4, Random(1));
    const auto before = channel_groups(graph);
    const auto after = channel_groups(scaled);
    ASSERT_EQ(before.size(), after.size());
    for (size_t g = 0; g < before.size(); ++g) {
      const double wanted =
          static_cast<double>(before[g].channels.size()) * (before[g].locked.empty() ? factor : 1);
      EXPECT_EQ(after[g].channels.size(), static_cast<size_t>(wanted));
    }
    if (factor > 1) expect_same_outputs(graph, scaled, 1);
  }
}

TEST(ScaleWidth, below_1_keeps_the_strongest_filters) {
  const Graph graph = small_network();
  const Graph narrow = scale_width(graph, 0.5, 1, Random(1));
  EXPECT_EQ(narrow.tensor(narrow.nodes[0].inputs[1]).shape, (Shape{2, 3, 3, 2}));
  const auto norms = [](const Graph& g) {
    const auto weights = g.tensor(g.nodes[0].inputs[1]).values<float>();
    std::vector<double> squares(static_cast<size_t>(g.tensor(g.nodes[0].inputs[1]).shape[0]), 0);
    for (size_t i = 0; i < weights.size(); ++i) squares[i / 18] += double{weights[i]} * weights[i];
    std::ranges::sort(squares, std::greater());
    return squares;
  };
  const auto all = norms(graph);
  EXPECT_EQ(norms(narrow), (std::vector<double>{all[0], all[1]}));
}

TEST(Deepen, keeps_the_outputs_of_random_networks) {
  size_t deepened = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Graph graph = test::random_classifier(Random(seed));
    const auto deeper = changed([&] { return deepen(graph, 2.5).graph; });
    if (!deeper) continue;
    ++deepened;
    EXPECT_GT(deeper->nodes.size(), graph.nodes.size());
    expect_same_outputs(graph, *deeper, seed);
  }
  EXPECT_GT(deepened, 200U);
}

TEST(Deepen, adds_as_many_layers_as_the_factor_says) {
  const auto convolutions = [](const Graph& graph) {
    return std::ranges::count_if(graph.nodes,
                                 [](const Node& node) { return std::holds_alternative<Conv2D>(node.op); });
  };
  const Graph graph = zoo::build("har-cnn", 1);
  ASSERT_EQ(convolutions(graph), 4);
  for (const int twice : {3, 4, 7}) {
    const WithNewLayers deeper = deepen(graph, twice / 2.0);
    EXPECT_EQ(convolutions(deeper.graph), 2 * twice);
    EXPECT_EQ(deeper.norms.size(), static_cast<size_t>(2 * twice - 4));
    expect_same_outputs(graph, deeper.graph, 1);
    expect_same_outputs(graph, deepen(deeper.graph, 2).graph, 1);
  }
  test::expect_error([&] { deepen(graph, 1.1); }, {"4 layers", "adds none"});
}

TEST(Shorten, takes_residual_blocks_and_repeated_layers) {
  const auto count = [](const Graph& graph, std::string_view name) {
    return std::ranges::count_if(graph.nodes, [&](const Node& node) { return name_of(node.op) == name; });
  };
  // ResNet-20 has three blocks a stage; in the later two stages the first changes the size.
  const Graph resnet = zoo::build("resnet20", 1);
  ASSERT_EQ(count(resnet, "Add"), 9);
  const Graph shorter = shorten(resnet, 0.5);
  EXPECT_EQ(count(shorter, "Add"), 9 - 1 - 1 - 1);
  EXPECT_EQ(count(shorter, "Conv2D"), count(resnet, "Conv2D") - 2 * 3);
  EXPECT_EQ(count(shorter, "Relu"), count(resnet, "Relu") - 2 * 3);
  // DS-CNN repeats a depthwise and a 1x1 layer four times.
  const Graph chain = zoo::build("ds-cnn", 1);
  EXPECT_EQ(count(shorten(chain, 0.5), "DepthwiseConv2D"), count(chain, "DepthwiseConv2D") / 2);
  test::expect_error([] { shorten(zoo::build("lenet", 1), 0.5); }, {"nothing that repeats"});
}

TEST(RankOne, is_the_nearest_matrix_of_rank_one) {
  Random random(3);
  for (int turn = 0; turn < 50; ++turn) {
    std::vector<double> matrix(2 * static_cast<size_t>(random.between(1, 9)));
    for (double& x : matrix) x = random.normal();
    double a = 0;
    double b = 0;
    double c = 0;
    for (size_t r = 0; r < matrix.size(); r += 2) {
      a += matrix[r] * matrix[r];
      b += matrix[r] * matrix[r + 1];
      c += matrix[r + 1] * matrix[r + 1];
    }
    // What no matrix of rank one can reach is the smaller singular value's square (Eckart and Young, 1936).
    const double smaller = (a + c - std::sqrt((a - c) * (a - c) + 4 * b * b)) / 2;
    const RankOne factor = rank_one(matrix, 2);
    double error = 0;
    for (size_t i = 0; i < matrix.size(); ++i) {
      error += std::pow(matrix[i] - factor.left[i / 2] * factor.right[i % 2], 2);
    }
    EXPECT_NEAR(error, smaller, 1e-6);
    EXPECT_GE(factor.right[0] + factor.right[1], -1e-12);
  }
  const RankOne none = rank_one(std::vector<double>(6, 0.0), 3);
  EXPECT_EQ(none.left, std::vector<double>(2, 0.0));
}

bool stands_behind_a_layer(const Graph& graph, const Node& node) {
  return std::ranges::any_of(node.inputs, [&](TensorId id) {
    const auto producer =
        std::ranges::find(graph.nodes, id, [](const Node& other) { return other.outputs[0]; });
    return producer != graph.nodes.end() &&
           (has_weights(producer->op) || stands_behind_a_layer(graph, *producer));
  });
}

TEST(Separable, leaves_the_first_convolution_whole_whatever_stands_before_it) {
  Graph graph = small_network();
  const auto first = std::ranges::find(graph.nodes, "first", &Node::name);
  Tensor padded = graph.tensor(graph.inputs[0]);
  padded.name = "padded";
  const TensorId id = graph.add(std::move(padded));
  const Node pad{"pad", Pad{.before = {0, 0, 0, 0}, .after = {0, 0, 0, 0}}, {graph.inputs[0]}, {id}};
  first->inputs[0] = id;
  graph.nodes.insert(graph.nodes.begin(), pad);
  validate(graph);
  const Graph separated = separable(graph, {}, true).graph;
  EXPECT_EQ(std::ranges::find(separated.nodes, "first_depthwise", &Node::name), separated.nodes.end());
  EXPECT_NE(std::ranges::find(separated.nodes, "second_depthwise", &Node::name), separated.nodes.end());
}

TEST(Separable, keeps_shapes_and_shrinks_macs_as_predicted) {
  size_t separated = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Graph graph = test::random_classifier(Random(seed));
    const auto result = changed([&] { return separable(graph, {}, seed % 2 == 0).graph; });
    if (!result) continue;
    ++separated;
    uint64_t predicted = mac_count(graph);
    for (const Node& node : graph.nodes) {
      const auto* conv = std::get_if<Conv2D>(&node.op);
      const TensorId output = node.outputs[0];
      const auto after = std::ranges::find(result->nodes, node.name, &Node::name);
      ASSERT_NE(after, result->nodes.end());
      EXPECT_EQ(result->tensor(after->outputs[0]).shape, graph.tensor(output).shape);
      if (conv == nullptr || conv->groups != 1 || !stands_behind_a_layer(graph, node)) continue;
      const Shape& w = graph.tensor(node.inputs[1]).shape;
      if (w[1] * w[2] == 1) continue;
      const Shape& y = graph.tensor(output).shape;
      const auto places = static_cast<uint64_t>(y[1] * y[2]);
      predicted -= places * static_cast<uint64_t>(w[0] * w[1] * w[2] * w[3]);
      predicted += places * static_cast<uint64_t>(w[1] * w[2] * w[3] + w[3] * w[0]);
    }
    EXPECT_EQ(mac_count(*result), predicted) << "seed " << seed;
  }
  EXPECT_GT(separated, 100U);
}

TEST(Separable, computes_the_same_where_filters_have_rank_one) {
  Graph graph = small_network();
  const Node& second = *std::ranges::find(graph.nodes, "second", &Node::name);
  const auto weights = graph.tensor(second.inputs[1]).values<float>();
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto o = static_cast<float>(i / 36);
    const auto k = static_cast<float>(i / 4 % 9);
    const auto c = static_cast<float>(i % 4);
    weights[i] = (0.3F + 0.1F * o * c - 0.05F * o) * (0.2F * k - 0.5F + 0.1F * c);
  }
  expect_same_outputs(graph, separable(graph, {}, false).graph, 1);
  const Graph named = separable(graph, std::vector<std::string>{"first"}, true).graph;
  EXPECT_NE(std::ranges::find(named.nodes, "first_depthwise_relu", &Node::name), named.nodes.end());
  EXPECT_EQ(std::ranges::find(named.nodes, "second_depthwise", &Node::name), named.nodes.end());
}

TEST(Redesign, gives_new_norms_the_statistics_of_samples_and_changes_nothing_by_it) {
  RedesignOptions options;
  options.separable = true;
  options.depth = 2;
  options.width = 1.5;
  const Graph graph = small_network();
  const Graph plain = redesign_without_data(graph, options);
  const Graph settled = redesign(graph, small_set(90), options);
  expect_same_outputs(plain, settled, 1);
  const auto norm = std::ranges::find(settled.nodes, "second_depthwise_norm", &Node::name);
  ASSERT_NE(norm, settled.nodes.end());
  const auto gamma = settled.tensor(norm->inputs[1]).values<float>();
  const auto variance = settled.tensor(norm->inputs[4]).values<float>();
  for (size_t c = 0; c < gamma.size(); ++c) {
    EXPECT_GT(variance[c], 0);
    EXPECT_NE(variance[c], 1);
    EXPECT_NEAR(gamma[c] * gamma[c], variance[c] + 1e-5F, 1e-5F * (1 + variance[c]));
  }
}

TEST(Redesign, recovers_with_the_old_network_as_teacher_and_resumes_to_the_same_bytes) {
  RedesignOptions options;
  options.separable = true;
  options.distill = true;
  options.recovery.emplace();
  options.recovery->epochs = 3;
  options.recovery->batch_size = 20;
  options.recovery->threads = 1;
  const Graph graph = small_network();
  const data::Dataset set = small_set(60);
  const auto weights_of = [](const Graph& network) {
    std::vector<std::byte> bytes;
    for (const Tensor& tensor : network.tensors) {
      if (tensor.data) bytes.insert(bytes.end(), tensor.data->begin(), tensor.data->end());
    }
    return bytes;
  };
  double first_loss = 0;
  double last_loss = 0;
  train::TrainHooks hooks;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
    (metrics.epoch == 1 ? first_loss : last_loss) = metrics.loss;
  };
  const auto expected = weights_of(redesign(graph, set, options, hooks));
  EXPECT_LT(last_loss, first_loss);

  TemporaryFolder folder;
  hooks.checkpoint = folder.path() / "redesign";
  hooks.on_epoch = [](const train::EpochMetrics& metrics) {
    if (metrics.epoch == 2) throw std::runtime_error("killed");
  };
  EXPECT_THROW(redesign(graph, set, options, hooks), std::runtime_error);
  hooks.on_epoch = {};
  EXPECT_EQ(weights_of(redesign(graph, set, options, hooks)), expected);
}

TEST(Redesign, says_what_it_cannot_do) {
  const Graph graph = small_network();
  RedesignOptions options;
  test::expect_error([&] { redesign_without_data(graph, options); }, {"changes nothing"});
  options.layers = {"first"};
  options.width = 2;
  test::expect_error([&] { redesign_without_data(graph, options); }, {"layers", "separable"});
  options.separable = true;
  options.layers = {"third"};
  test::expect_error([&] { redesign_without_data(graph, options); }, {"'third'", "not in the network"});
  options.layers = {"dense"};
  test::expect_error([&] { redesign_without_data(graph, options); }, {"'dense'", "no dense convolution"});
  options.layers = {};
  options.width = 0;
  test::expect_error([&] { redesign_without_data(graph, options); }, {"width"});
  options.width = 1;
  options.separable = options.activation_between = false;
  test::expect_error([&] { redesign_without_data(graph, options); }, {"linear", "separable"});
  options.separable = options.activation_between = true;
  test::expect_error([&] { redesign_without_data(zoo::build("ds-cnn", 1), options); },
                     {"no convolution to make separable"});
  options.distill = true;
  test::expect_error([&] { redesign(graph, small_set(6), options); }, {"distill", "recovery"});
}

}  // namespace
}  // namespace thimble::redesign
