#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>

#include "base/files.h"
#include "base/random.h"
#include "graph/channel_groups.h"
#include "support/expect_error.h"
#include "train/run_float.h"
#include "train/tiny_set.h"
#include "train/trainer.h"

namespace thimble {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> bytes_of(const Graph& graph) {
  std::vector<std::byte> bytes;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.data) bytes.insert(bytes.end(), tensor.data->begin(), tensor.data->end());
  }
  return bytes;
}

/// A flattened image, a hidden layer without a batch norm, three classes.
Graph dense_network(uint64_t seed, int32_t hidden = 5) {
  Graph graph;
  graph.name = "dense";
  Random random(seed);
  const auto constant = [&](std::string name, Shape shape) {
    Tensor tensor{.name = std::move(name), .shape = std::move(shape)};
    std::vector<float> values(tensor.elements());
    for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
    tensor.data = Tensor::to_bytes(std::span<const float>(values));
    return graph.add(std::move(tensor));
  };
  const TensorId x = graph.add({.name = "x", .shape = {1, 8, 8, 1}});
  graph.inputs = {x};
  const TensorId flat = graph.append(Reshape{{1, -1}}, {x}, "flat");
  const TensorId first = graph.append(FullyConnected{}, {flat, constant("w1", {hidden, 64})}, "hidden");
  const TensorId active = graph.append(Relu{}, {first}, "active");
  const TensorId second = graph.append(FullyConnected{}, {active, constant("w2", {3, hidden})}, "logits");
  graph.outputs = {graph.append(Softmax{}, {second}, "probabilities")};
  validate(graph);
  return graph;
}

class Objective : public testing::Test {
 protected:
  /// One step on all samples at once: the loss that is reported is that of the network as it was given.
  static train::TrainOptions one_step() {
    train::TrainOptions options;
    options.epochs = 1;
    options.batch_size = 120;
    options.shard_size = 120;
    options.threads = 1;
    return options;
  }

  static train::TrainOptions some_epochs() {
    train::TrainOptions options = one_step();
    options.epochs = 3;
    options.batch_size = 24;
    options.shard_size = 8;
    return options;
  }

  double loss_of(const Graph& graph, const train::TrainOptions& options) const {
    double loss = 0;
    train::TrainHooks hooks;
    hooks.on_epoch = [&](const train::EpochMetrics& metrics) { loss = metrics.loss; };
    train::train(graph, set_, options, hooks);
    return loss;
  }

  /// softmax(logits / temperature) of every sample, from the network's own logits.
  std::vector<double> softened(const Graph& graph, double temperature) const {
    std::vector<float> samples(set_.size() * 64);
    for (size_t i = 0; i < set_.size(); ++i) {
      data::read_sample(set_, i, std::span(samples).subspan(i * 64, 64));
    }
    const std::span<const float> inputs[] = {samples};
    const TensorId wanted[] = {graph.nodes.back().inputs[0]};
    const auto logits = train::run_float(graph, inputs, set_.size(), wanted)[0];
    std::vector<double> result(logits.size());
    for (size_t i = 0; i < logits.size(); i += 3) {
      double sum = 0;
      for (size_t c = 0; c < 3; ++c) sum += std::exp(logits[i + c] / temperature);
      for (size_t c = 0; c < 3; ++c) result[i + c] = std::exp(logits[i + c] / temperature) / sum;
    }
    return result;
  }

  data::Dataset set_ = test::tiny_set(120);
  TemporaryFolder folder_;
};

TEST_F(Objective, is_hard_and_soft_loss_as_the_paper_weighs_them) {
  const Graph student = dense_network(1);
  const Graph teachers[] = {dense_network(2, 9), dense_network(3, 4)};
  constexpr double kTemperature = 3;
  const auto hard = softened(student, 1);
  const auto ours = softened(student, kTemperature);
  const auto first = softened(teachers[0], kTemperature);
  const auto second = softened(teachers[1], kTemperature);
  double cross_entropy = 0;
  double divergence = 0;
  for (size_t i = 0; i < set_.size(); ++i) {
    cross_entropy -= std::log(hard[3 * i + static_cast<size_t>(set_.labels[i])]);
    for (size_t c = 0; c < 3; ++c) {
      const double theirs = (first[3 * i + c] + second[3 * i + c]) / 2;
      divergence += theirs * std::log(theirs / ours[3 * i + c]);
    }
  }
  const auto samples = static_cast<double>(set_.size());
  for (const double weight : {0.0, 0.7, 1.0}) {
    train::TrainOptions options = one_step();
    options.distillation = {
        .teachers = {teachers[0], teachers[1]}, .temperature = kTemperature, .weight = weight};
    const double expected =
        (1 - weight) * cross_entropy / samples + weight * kTemperature * kTemperature * divergence / samples;
    EXPECT_NEAR(loss_of(student, options), expected, 1e-4) << weight;
    options.augmentation.shift = 0;
    options.augmentation.flip = true;  // teachers are asked anew for each batch
    EXPECT_GT(loss_of(student, options), 0) << weight;
  }
}

TEST_F(Objective, reads_the_same_logits_where_the_classes_of_a_softmax_have_another_shape) {
  train::TrainOptions options = one_step();
  options.distillation = {.teachers = {dense_network(2)}, .weight = 0.5};
  const double expected = loss_of(dense_network(1), options);
  train::TrainOptions flipped = options;  // teachers are asked anew for each batch
  flipped.augmentation.flip = true;
  const double asked = loss_of(dense_network(1), flipped);
  const auto validated = [&](const Graph& graph) {
    train::TrainOptions some = some_epochs();
    some.validation = 0.25;
    std::vector<double> accuracies;
    train::TrainHooks hooks;
    hooks.on_epoch = [&](const train::EpochMetrics& m) {
      accuracies.push_back(m.validation_accuracy.value());
    };
    train::train(graph, set_, some, hooks);
    return accuracies;
  };
  const auto reshaped = [](uint64_t seed, bool back) {
    Graph graph = dense_network(seed);
    graph.nodes.pop_back();
    const TensorId image = graph.append(Reshape{{1, 1, 1, 3}}, {graph.nodes.back().outputs[0]}, "image");
    graph.outputs = {graph.append(Softmax{}, {image}, "probabilities")};
    if (back) graph.outputs = {graph.append(Reshape{{1, 3}}, {graph.outputs[0]}, "back")};
    return remove_unused(graph);
  };
  for (const bool back : {false, true}) {
    EXPECT_NEAR(loss_of(reshaped(1, back), options), expected, 1e-6) << back;
    options.distillation.teachers = {reshaped(2, back)};
    EXPECT_NEAR(loss_of(dense_network(1), options), expected, 1e-6) << back;
    options.distillation.teachers = {dense_network(2)};
    flipped.distillation.teachers = {reshaped(2, back)};
    EXPECT_NEAR(loss_of(reshaped(1, back), flipped), asked, 1e-6) << back;
    EXPECT_EQ(validated(reshaped(1, back)), validated(dense_network(1))) << back;
  }
}

TEST_F(Objective, has_nothing_to_learn_from_a_teacher_that_is_the_student) {
  train::TrainOptions options = one_step();
  options.distillation = {.teachers = {dense_network(1)}, .weight = 1};
  EXPECT_NEAR(loss_of(dense_network(1), options), 0, 1e-6);
}

TEST_F(Objective, brings_a_student_close_to_its_teacher) {
  train::TrainOptions options = some_epochs();
  options.epochs = 20;
  const Graph teacher = train::train(dense_network(2, 16), set_, options);
  options.distillation = {.teachers = {teacher}, .weight = 1};
  const auto theirs = softened(teacher, 4);
  const auto distance = [&](const Graph& graph) {
    const auto ours = softened(graph, 4);
    double sum = 0;
    for (size_t i = 0; i < ours.size(); ++i) sum += std::abs(ours[i] - theirs[i]);
    return sum / static_cast<double>(ours.size());
  };
  EXPECT_LT(distance(train::train(dense_network(1), set_, options)), 0.3 * distance(dense_network(1)));
}

TEST_F(Objective, keeps_what_the_teachers_say_on_disk) {
  train::TrainOptions options = some_epochs();
  options.distillation = {.teachers = {dense_network(2, 9)}, .weight = 0.5};
  const auto expected = bytes_of(train::train(dense_network(1), set_, options));
  const fs::path cache = folder_.path() / "teacher";
  options.distillation.cache = cache;
  EXPECT_EQ(bytes_of(train::train(dense_network(1), set_, options)), expected);
  const std::string content = read_text(cache, 1 << 20);
  EXPECT_EQ(bytes_of(train::train(dense_network(1), set_, options)), expected);

  // A cache that is not these teachers' is written anew; a file that is no cache is left alone.
  std::string damaged = content;
  damaged[content.size() / 2] ^= 1;
  for (const std::string& other : {damaged, content.substr(0, 40), std::string()}) {
    write_file_atomically(cache, other);
    EXPECT_EQ(bytes_of(train::train(dense_network(1), set_, options)), expected);
    EXPECT_EQ(read_text(cache, 1 << 20), content);
  }
  write_file_atomically(cache, "somebody's model");
  test::expect_error([&] { train::train(dense_network(1), set_, options); }, "no teachers' outputs");
  EXPECT_EQ(read_text(cache, 1 << 20), "somebody's model");
  std::filesystem::remove(cache);
  options.distillation.teachers = {dense_network(3, 9)};
  EXPECT_NE(bytes_of(train::train(dense_network(1), set_, options)), expected);
  EXPECT_NE(read_text(cache, 1 << 20), content);
}

TEST_F(Objective, resumes_a_distillation_with_hints_to_the_same_bytes) {
  train::TrainOptions options = some_epochs();
  options.augmentation.shift = 1;
  options.optimizer = train::Optimizer::kAdamW;
  options.learning_rate = 0.01;
  options.distillation = {.teachers = {dense_network(2, 9)}, .hints = {{"active", "active"}}};
  const auto expected = bytes_of(train::train(dense_network(1), set_, options));

  train::TrainHooks hooks;
  hooks.checkpoint = folder_.path() / "checkpoint";
  hooks.on_epoch = [](const train::EpochMetrics&) { throw std::runtime_error("killed"); };
  EXPECT_THROW(train::train(dense_network(1), set_, options, hooks), std::runtime_error);
  hooks.on_epoch = {};
  EXPECT_EQ(bytes_of(train::train(dense_network(1), set_, options, hooks)), expected);

  options.distillation.temperature = 5;
  test::expect_error([&] { train::train(dense_network(1), set_, options, hooks); }, "another training");
}

TEST_F(Objective, learns_the_projection_of_a_hint) {
  train::TrainOptions options = some_epochs();
  options.epochs = 60;
  options.optimizer = train::Optimizer::kAdamW;
  options.learning_rate = 0.01;
  options.distillation = {
      .teachers = {dense_network(2, 9)}, .weight = 1, .hints = {{"active", "active"}}, .hint_weight = 10};
  std::vector<double> losses;
  train::TrainHooks hooks;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) { losses.push_back(metrics.loss); };
  train::train(dense_network(1, 24), set_, options, hooks);
  EXPECT_LT(losses.back(), 0.1 * losses.front());
}

TEST_F(Objective, refuses_teachers_and_hints_that_do_not_fit) {
  const auto expect_refused = [&](train::Distillation distillation,
                                  std::initializer_list<std::string> parts) {
    train::TrainOptions options = one_step();
    options.distillation = std::move(distillation);
    test::expect_error([&] { train::train(dense_network(1), set_, options); }, parts);
  };
  Graph other = dense_network(2);
  other.outputs = {other.nodes[1].outputs[0]};  // five "classes"
  expect_refused({.teachers = {remove_unused(other)}}, {"The teacher 'dense'", "1x5", "3 classes"});
  expect_refused({.teachers = {dense_network(2)}, .hints = {{"none", "active"}}}, {"student", "'none'"});
  expect_refused({.teachers = {dense_network(2)}, .hints = {{"active", "none"}}}, {"teacher", "'none'"});
  expect_refused({.hints = {{"active", "active"}}}, {"no teacher"});
  expect_refused(
      {.teachers = {test::tiny_network()}, .hints = {{"active", test::tiny_network().nodes[0].name}}},
      {"would compare"});
  expect_refused({.teachers = {dense_network(2)}, .temperature = 0}, {"temperature"});
  expect_refused({.teachers = {dense_network(2)}, .weight = 1.5}, {"weight"});
}

TEST_F(Objective, adds_the_penalties_that_make_channels_sparse) {
  const Graph graph = test::tiny_network();
  train::TrainOptions options = one_step();
  const double plain = loss_of(graph, options);

  double lasso = 0;
  std::map<TensorId, double> gammas;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op)) {
      for (const float gamma : graph.tensor(node.inputs[1]).values<float>())
        gammas[node.inputs[1]] += std::abs(gamma);
    }
  }
  for (const ChannelGroup& group : channel_groups(graph)) {
    if (!group.locked.empty()) continue;
    for (const auto& channel : group.channels) {
      double squares = 0;
      double members = 0;
      for (const ChannelSlot& slot : channel) {
        const Tensor& tensor = graph.tensor(slot.tensor);
        if (!tensor.is_constant() || tensor.shape.size() < 2) continue;
        size_t inner = 1;
        for (size_t a = static_cast<size_t>(slot.axis) + 1; a < tensor.shape.size(); ++a)
          inner *= static_cast<size_t>(tensor.shape[a]);
        const auto extent = static_cast<size_t>(tensor.shape[static_cast<size_t>(slot.axis)]);
        for (size_t i = 0; i < tensor.elements(); ++i) {
          if (i / inner % extent != static_cast<size_t>(slot.index)) continue;
          squares += std::pow(tensor.values<float>()[i], 2);
          members += 1;
        }
      }
      lasso += std::sqrt(members * squares);
    }
  }
  ASSERT_GT(lasso, 0);
  options.group_lasso = 0.01;
  EXPECT_NEAR(loss_of(graph, options), plain + 0.01 * lasso, 1e-4);
  options.group_lasso = 0;
  options.norm_slimming = 0.01;
  double slimming = 0;
  for (const auto& [id, sum] : gammas) slimming += 0.01 * sum;
  ASSERT_GT(slimming, 0);
  EXPECT_NEAR(loss_of(graph, options), plain + slimming, 1e-4);
}

TEST_F(Objective, stops_at_the_last_good_checkpoint_when_numbers_overflow) {
  train::TrainOptions options = one_step();
  options.epochs = 3;
  options.warmup = 0;
  options.schedule = train::Schedule::kConstant;
  options.learning_rate = 1e25;
  train::TrainHooks hooks;
  hooks.checkpoint = folder_.path() / "checkpoint";
  std::string before;
  hooks.on_epoch = [&](const train::EpochMetrics&) { before = read_text(hooks.checkpoint, 1 << 20); };
  test::expect_error([&] { train::train(dense_network(1), set_, options, hooks); },
                     {"no longer a finite number in epoch 2", "last good one, epoch 1", "learning_rate"});
  EXPECT_FALSE(before.empty());
  EXPECT_EQ(read_text(hooks.checkpoint, 1 << 20), before);
}

}  // namespace
}  // namespace thimble
