#include "compress/prune/prune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/files.h"
#include "compress/prune/count_cycles.h"
#include "compress/prune/int8_profile.h"
#include "compress/prune/loss_curves.h"
#include "compress/small_classifier.h"
#include "graph/builder.h"
#include "graph/prune_channels.h"
#include "support/expect_error.h"
#include "support/random_network.h"
#include "train/run_float.h"
#include "zoo/zoo.h"

namespace thimble::prune {
namespace {

using test::small_network;
using test::small_set;

std::vector<double> judged(const Graph& graph, Criterion criterion) {
  const auto groups = channel_groups(graph);
  return channel_importance(graph, groups, criterion, {}, {}, Random(1))[0];
}

TEST(Importance, is_what_the_papers_say_relative_to_the_layers_mean) {
  const Graph graph = small_network();
  const auto weights = graph.tensor(graph.nodes[0].inputs[1]).values<float>();
  const size_t filter = weights.size() / 4;
  std::vector<double> l1(4, 0);
  std::vector<double> l2(4, 0);
  std::vector<double> fpgm(4, 0);
  for (size_t c = 0; c < 4; ++c) {
    for (size_t i = 0; i < filter; ++i) {
      l1[c] += std::abs(weights[c * filter + i]);
      l2[c] += std::pow(weights[c * filter + i], 2);
    }
    l2[c] = std::sqrt(l2[c]);
    for (size_t other = 0; other < 4; ++other) {
      double squares = 0;
      for (size_t i = 0; i < filter; ++i) {
        squares += std::pow(weights[c * filter + i] - weights[other * filter + i], 2);
      }
      fpgm[c] += std::sqrt(squares);
    }
  }
  const auto gammas = graph.tensor(graph.nodes[1].inputs[1]).values<float>();
  const std::vector<double> scales(gammas.begin(), gammas.end());
  const auto expect_judged = [&](Criterion criterion, const std::vector<double>& raw) {
    const auto actual = judged(graph, criterion);
    const double mean = (raw[0] + raw[1] + raw[2] + raw[3]) / 4;
    for (size_t c = 0; c < 4; ++c) EXPECT_NEAR(actual[c], raw[c] / mean, 1e-5);
  };
  expect_judged(Criterion::kL1, l1);
  expect_judged(Criterion::kL2, l2);
  expect_judged(Criterion::kFpgm, fpgm);
  expect_judged(Criterion::kNormScale, scales);
}

TEST(Importance, by_taylor_is_the_squared_change_of_the_loss_as_a_channel_fades) {
  const Graph graph = small_network();
  const data::Dataset set = small_set(12);
  std::vector<size_t> all;
  std::vector<float> samples(set.size() * 72);
  for (size_t i = 0; i < set.size(); ++i) {
    all.push_back(i);
    data::read_sample(set, i, std::span(samples).subspan(i * 72, 72));
  }
  const auto loss_of = [&](const Graph& network) {
    const std::span<const float> inputs[] = {samples};
    const auto probabilities = train::run_float(network, inputs, set.size(), network.outputs)[0];
    double loss = 0;
    for (size_t i = 0; i < set.size(); ++i) {
      loss -= std::log(double{probabilities[3 * i + static_cast<size_t>(set.labels[i])]});
    }
    return loss / static_cast<double>(set.size());
  };
  const auto groups = channel_groups(graph);
  const Importance importance = channel_importance(graph, groups, Criterion::kTaylor, set, all, Random(1));
  // The derivative along each parameter tensor of the channel, by differences.
  constexpr float kStep = 0.002F;
  for (size_t c = 0; c < 4; ++c) {
    double expected = 0;
    const Node& convolution = graph.nodes[0];
    const Node& norm = graph.nodes[1];
    for (const TensorId id : {convolution.inputs[1], norm.inputs[1], norm.inputs[2]}) {
      double slope = 0;
      for (const float sign : {1.0F, -1.0F}) {
        Graph changed = graph;
        const auto values = changed.tensor(id).values<float>();
        const size_t run = values.size() / 4;
        for (size_t i = 0; i < run; ++i) values[c * run + i] *= 1 + sign * kStep;
        slope += sign * loss_of(changed) / (2 * kStep);
      }
      expected += slope * slope;
    }
    EXPECT_NEAR(importance[0][c], expected, 0.04 * expected + 1e-6) << c;
  }
}

TEST(SelectChannels, meets_the_cost_with_the_least_important_channels) {
  for (const Ranking ranking : {Ranking::kLocal, Ranking::kGlobal, Ranking::kPerCost}) {
    for (const int multiple : {1, 4}) {
      const Graph graph = zoo::build("resnet8", 1);
      const auto groups = channel_groups(graph);
      const Importance importance = channel_importance(graph, groups, Criterion::kL2, {}, {}, Random(1));
      const Cost macs = [](const Graph& shapes) { return static_cast<double>(mac_count(shapes)); };
      const auto removed =
          select_channels(graph, groups, importance, macs,
                          {.ranking = ranking, .keep = 0.4, .least = 0.1, .multiple = multiple});
      const double part = static_cast<double>(mac_count(prune_channels(graph, groups, removed))) /
                          static_cast<double>(mac_count(graph));
      EXPECT_LE(part, 0.4);
      EXPECT_GT(part, multiple == 1 ? 0.36 : 0.25);
      for (size_t g = 0; g < groups.size(); ++g) {
        EXPECT_EQ((groups[g].channels.size() - removed[g].size()) % static_cast<size_t>(multiple),
                  groups[g].locked.empty() ? 0U : groups[g].channels.size() % static_cast<size_t>(multiple));
        double worst_removed = 0;
        double best_kept = INFINITY;
        for (size_t c = 0; c < importance[g].size(); ++c) {
          const bool is_removed =
              std::count(removed[g].begin(), removed[g].end(), static_cast<int32_t>(c)) > 0;
          if (is_removed) worst_removed = std::max(worst_removed, importance[g][c]);
          if (!is_removed) best_kept = std::min(best_kept, importance[g][c]);
        }
        EXPECT_LE(worst_removed, best_kept);
      }
    }
  }
}

TEST(SelectChannels, removes_what_costs_most_when_all_are_equally_important) {
  const Graph graph = small_network();
  const auto groups = channel_groups(graph);
  const Importance importance = {{1, 1, 1, 1}, {1, 1, 1, 1}, {}};
  // A device on which the dense layer is all that takes time.
  deploy::Profile counted;
  deploy::LayerProfile& dense = counted.layers.emplace_back();
  dense.name = "dense";
  dense.cycles = 1000;
  const auto removed =
      select_channels(graph, groups, importance, cycles_model(std::vector<CountedSize>{{graph, counted}}),
                      {.ranking = Ranking::kPerCost, .keep = 0.5});
  EXPECT_TRUE(removed[0].empty()) << "the first convolution's filters save no cycle of the dense layer";
  EXPECT_EQ(removed[1].size(), 2U);
}

TEST(CountCycles, foretells_a_pruned_network_within_a_tenth) {
  const Graph graph = small_network(32);
  const data::Dataset set = small_set(60);
  const device::DeviceProfile device = device::load_device("nano33ble");
  const Cost cost = count_cycles(graph, set, device, 4);
  const auto groups = channel_groups(graph);
  for (const auto& [first, second] : {std::pair{4, 24}, {24, 4}, {12, 20}, {20, 28}}) {
    RemovedChannels removed(groups.size());
    for (int32_t c = first; c < 32; ++c) removed[0].push_back(c);
    for (int32_t c = second; c < 32; ++c) removed[1].push_back(c);
    const Graph cut = prune_channels(graph, groups, removed);
    const auto counted = static_cast<double>(int8_profile(cut, set, device).cycles.value());
    EXPECT_NEAR(cost(cut), counted, 0.1 * counted) << first << " and " << second << " filters";
  }
}

TEST(LossCurves, slope_as_the_greatest_convex_curve_below) {
  const double gone[] = {0, 1, 2, 4, 5};
  const double loss[] = {0, 3, 2, 6, 10};
  EXPECT_EQ(convex_slopes(gone, loss), (std::vector<double>{1, 1, 2, 4}));
}

TEST(LossCurves, see_which_group_the_network_can_do_without) {
  Graph graph = small_network();
  // Nothing reads the first two filters of the second convolution.
  const auto dense =
      graph.tensor(std::ranges::find(graph.nodes, "dense", &Node::name)->inputs[1]).values<float>();
  for (size_t row = 0; row < 3; ++row) dense[row * 4] = dense[row * 4 + 1] = 0;
  const auto groups = channel_groups(graph);
  const data::Dataset set = small_set(12);
  const std::vector<size_t> indices = {0, 1, 2, 3, 4, 5};
  const Importance order = {{1, 2, 3, 4}, {1, 2, 3, 4}, {}};
  const Importance importance = loss_curves(graph, groups, order, 1, set, indices, 1);
  EXPECT_NEAR(importance[1][0], 0, 1e-6);
  EXPECT_NEAR(importance[1][1], 0, 1e-6);
  EXPECT_GT(importance[1][2], 1e-4);
  EXPECT_GT(importance[0][2], 1e-6);
  for (const auto& group : {importance[0], importance[1]}) EXPECT_TRUE(std::ranges::is_sorted(group));
  test::expect_error([&] { loss_curves(graph, groups, order, 1, set, {}, 1); }, {"loss", "samples"});
}

TEST(SelectChannels, says_when_the_cost_cannot_fall_that_far) {
  PruneOptions options;
  options.select.keep = 0.01;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"small", "1.0 %", "least"});
  options.select.keep = 0;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"keep", "empty"});
}

TEST(SelectChannels, gives_each_named_layer_its_part_and_leaves_the_others_whole) {
  const Graph graph = small_network();
  const auto groups = channel_groups(graph);
  const auto open = std::ranges::find(groups, true, [](const auto& group) { return group.locked.empty(); });
  const auto locked =
      std::ranges::find(groups, false, [](const auto& group) { return group.locked.empty(); });
  ASSERT_TRUE(open != groups.end() && locked != groups.end());
  PruneOptions options;
  options.select.layers = {{open->name, 0.5}};
  const auto after = channel_groups(prune_without_data(graph, options));
  ASSERT_EQ(after.size(), groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const size_t channels = groups[g].channels.size();
    EXPECT_EQ(after[g].channels.size(), groups[g].name == open->name ? (channels + 1) / 2 : channels);
  }
  options.select.layers = {{"nobody", 0.5}};
  test::expect_error([&] { prune_without_data(graph, options); }, {"nobody", "first layer"});
  options.select.layers = {{locked->name, 0.5}};
  test::expect_error([&] { prune_without_data(graph, options); }, {locked->name, "keeps its channels"});
}

TEST(SelectChannels, gives_a_layer_s_part_to_each_group_that_it_begins) {
  GraphBuilder builder("ways", 1);
  Graph graph = builder.finish({builder.conv2d(builder.input("x", {1, 4, 4, 1}), 8, {})});
  const TensorId whole = graph.outputs[0];
  const std::string name = graph.nodes[0].name;
  const auto constant = [&](Shape shape) {
    Tensor tensor{.name = "w", .shape = std::move(shape)};
    tensor.data = Tensor::to_bytes(std::span<const float>(std::vector<float>(tensor.elements(), 0.5F)));
    return graph.add(std::move(tensor));
  };
  std::vector<TensorId> ways;
  for (const int32_t begin : {0, 4}) {
    const TensorId half =
        graph.append(Slice{.begin = {0, 0, 0, begin}, .size = {1, 4, 4, 4}, .stride = {1, 1, 1, 1}}, {whole},
                     "half" + std::to_string(begin));
    ways.push_back(graph.append(Conv2D{}, {half, constant({2, 1, 1, 4})}, "way" + std::to_string(begin)));
  }
  graph.outputs = {graph.append(Concat{3}, ways, "both")};
  validate(graph);
  PruneOptions options;
  options.select.layers = {{name, 0.5}};
  const Graph pruned = prune_without_data(graph, options);
  EXPECT_EQ(pruned.tensor(pruned.nodes[0].outputs[0]).shape, (Shape{1, 4, 4, 4}));
}

TEST(Prune, recovers_between_steps_and_resumes_to_the_same_bytes) {
  const data::Dataset set = small_set(60);
  PruneOptions options;
  options.select = {.ranking = Ranking::kGlobal, .keep = 0.5};
  options.steps = 2;
  options.schedule = Steps::kGradual;
  options.distill = true;
  options.recovery.emplace();
  options.recovery->epochs = 2;
  options.recovery->batch_size = 20;
  options.recovery->threads = 1;
  const auto weights_of = [](const Graph& graph) {
    std::vector<std::byte> bytes;
    for (const Tensor& tensor : graph.tensors) {
      if (tensor.data) bytes.insert(bytes.end(), tensor.data->begin(), tensor.data->end());
    }
    return bytes;
  };
  const Graph graph = small_network();
  const Graph expected = prune(graph, set, nullptr, options);
  EXPECT_LE(2 * mac_count(expected), mac_count(graph));

  TemporaryFolder folder;
  for (const int killed_after : {1, 3}) {
    PruneHooks hooks;
    hooks.checkpoint = folder.path() / ("recovery" + std::to_string(killed_after));
    int epochs = 0;
    hooks.on_epoch = [&](const train::EpochMetrics&) {
      if (++epochs == killed_after) throw std::runtime_error("killed");
    };
    EXPECT_THROW(prune(graph, set, nullptr, options, hooks), std::runtime_error);
    hooks.on_epoch = {};
    EXPECT_EQ(weights_of(prune(graph, set, nullptr, options, hooks)), weights_of(expected));
  }
}

TEST(Prune, cuts_every_network_of_the_zoo_to_half_its_macs) {
  for (const zoo::Entry& entry : zoo::entries()) {
    const Graph graph = zoo::build(entry.name, 1);
    PruneOptions options;
    options.criterion = Criterion::kL1;
    options.select.multiple = 4;
    const Graph pruned = prune_without_data(graph, options);
    EXPECT_LE(2 * mac_count(pruned), mac_count(graph)) << entry.name;
    EXPECT_LT(parameter_count(pruned), parameter_count(graph)) << entry.name;
  }
}

TEST(Prune, asks_for_what_it_needs) {
  PruneOptions options;
  options.measure = Measure::kCycles;
  test::expect_error([&] { prune(small_network(), small_set(6), nullptr, options); }, {"no device"});
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"data set"});
  options.measure = Measure::kMacs;
  options.schedule = Steps::kGradual;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"gradual", "several steps"});
  options.schedule = Steps::kEven;
  options.criterion = Criterion::kTaylor;
  test::expect_error([&] { prune_without_data(small_network(), options); }, {"data set"});
}

}  // namespace
}  // namespace thimble::prune
