#include "train/trainer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "base/files.h"
#include "support/expect_error.h"
#include "train/predict.h"
#include "train/tiny_set.h"

namespace thimble {
namespace {

namespace fs = std::filesystem;

train::TrainOptions quick_options() {
  train::TrainOptions options;
  options.epochs = 3;
  options.batch_size = 24;
  options.shard_size = 8;
  options.threads = 1;
  options.augmentation.shift = 1;
  return options;
}

/// The bytes of all constants.
std::vector<std::byte> bytes_of(const Graph& graph) {
  std::vector<std::byte> bytes;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.data) bytes.insert(bytes.end(), tensor.data->begin(), tensor.data->end());
  }
  return bytes;
}

class Trainer : public testing::Test {
 protected:
  Graph train(const train::TrainOptions& options, const train::TrainHooks& hooks = {}) const {
    return train::train(test::tiny_network(), set_, options, hooks);
  }

  double accuracy_of(const Graph& graph) const {
    const auto classes = train::predict(graph, set_, 1);
    size_t correct = 0;
    for (size_t i = 0; i < classes.size(); ++i) correct += classes[i] == set_.labels[i] ? 1 : 0;
    return static_cast<double>(correct) / static_cast<double>(classes.size());
  }

  data::Dataset set_ = test::tiny_set(120);
  TemporaryFolder folder_;
  fs::path checkpoint_ = folder_.path() / "train.checkpoint";
};

TEST_F(Trainer, learns_a_small_set_by_heart_with_sgd) {
  train::TrainOptions options = quick_options();
  options.epochs = 15;
  options.augmentation = {};
  const Graph graph = train(options);
  EXPECT_EQ(accuracy_of(graph), 1.0);
  EXPECT_NE(bytes_of(graph), bytes_of(test::tiny_network()));
}

TEST_F(Trainer, learns_a_small_set_by_heart_with_adamw) {
  train::TrainOptions options = quick_options();
  options.epochs = 15;
  options.augmentation = {};
  options.optimizer = train::Optimizer::kAdamW;
  options.learning_rate = 0.01;
  EXPECT_EQ(accuracy_of(train(options)), 1.0);
}

TEST_F(Trainer, learns_with_gradients_clipped_and_labels_smoothed) {
  train::TrainOptions options = quick_options();
  options.epochs = 15;
  options.gradient_clip = 0.5;
  options.label_smoothing = 0.1;
  EXPECT_GE(accuracy_of(train(options)), 0.98);
}

TEST_F(Trainer, learns_with_everything_switched_on) {
  train::TrainOptions options = quick_options();
  options.epochs = 20;
  options.schedule = train::Schedule::kOneCycle;
  options.ema = 0.9;
  options.label_smoothing = 0.1;
  options.augmentation.mixup = 0.2;
  options.augmentation.cutout = 2;
  EXPECT_GE(accuracy_of(train(options)), 0.98);
}

TEST_F(Trainer, learns_in_bfloat16) {
  train::TrainOptions options = quick_options();
  options.epochs = 15;
  options.precision = train::Precision::kBfloat16;
  const Graph graph = train(options);
  EXPECT_GE(accuracy_of(graph), 0.98);
  options.precision = train::Precision::kFloat32;
  EXPECT_NE(bytes_of(train(options)), bytes_of(graph)) << "it computed in float32";
}

TEST_F(Trainer, learns_on_a_gpu_or_says_that_there_is_none) {
  train::TrainOptions options = quick_options();
  options.epochs = 15;
  options.accelerator = train::Accelerator::kCuda;
  try {
    EXPECT_GE(accuracy_of(train(options)), 0.98);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("sees no CUDA device"), std::string::npos) << error.what();
  }
}

TEST_F(Trainer, the_moving_average_is_the_average_of_the_steps) {
  // With one step an epoch every network on the way can be had, and the average be taken by hand.
  train::TrainOptions options = quick_options();
  options.batch_size = 120;
  options.schedule = train::Schedule::kConstant;
  options.warmup = 0;
  std::vector<float> average;
  const Graph before = test::tiny_network();
  const auto values_of = [](const Graph& graph) {
    std::vector<float> values;
    for (const Tensor& tensor : graph.tensors) {
      if (tensor.data)
        values.insert(values.end(), tensor.values<float>().begin(), tensor.values<float>().end());
    }
    return values;
  };
  average = values_of(before);
  for (int step = 0; step < 3; ++step) {
    options.epochs = step + 1;
    const std::vector<float> network = values_of(train(options));
    const double decay = std::min(0.15, (1.0 + step) / (10.0 + step));
    for (size_t i = 0; i < average.size(); ++i) {
      average[i] = static_cast<float>(decay * average[i] + (1 - decay) * network[i]);
    }
  }
  options.ema = 0.15;
  const std::vector<float> result = values_of(train(options));
  ASSERT_EQ(result.size(), average.size());
  for (size_t i = 0; i < average.size(); ++i) EXPECT_NEAR(result[i], average[i], 1e-5) << "value " << i;
}

TEST_F(Trainer, stops_early_with_the_best_epoch_and_resumes_to_the_same_bytes) {
  train::TrainOptions options = quick_options();
  options.epochs = 40;
  options.learning_rate = 0.05;
  options.validation = 0.25;
  options.patience = 3;
  std::vector<train::EpochMetrics> epochs;
  train::TrainHooks hooks;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) { epochs.push_back(metrics); };
  const Graph graph = train(options, hooks);
  ASSERT_LT(epochs.size(), 40U);
  const auto best = std::max_element(epochs.begin(), epochs.end(), [](const auto& a, const auto& b) {
    return *a.validation_accuracy < *b.validation_accuracy;
  });
  EXPECT_EQ(epochs.end() - best, 4);

  // The result is what a training that ends at the best epoch gives (the rate does not depend on the length).
  options.schedule = train::Schedule::kConstant;
  options.warmup = 0;
  epochs.clear();
  const auto whole = bytes_of(train(options, hooks));
  const auto best_epoch = std::max_element(epochs.begin(), epochs.end(), [](const auto& a, const auto& b) {
                            return *a.validation_accuracy < *b.validation_accuracy;
                          })->epoch;
  train::TrainOptions shorter = options;
  shorter.patience = 0;
  shorter.epochs = best_epoch;
  EXPECT_EQ(bytes_of(train(shorter)), whole);

  hooks.checkpoint = checkpoint_;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
    if (metrics.epoch == 2) throw std::runtime_error("stopped");
  };
  EXPECT_THROW(train(options, hooks), std::runtime_error);
  hooks.on_epoch = {};
  EXPECT_EQ(bytes_of(train(options, hooks)), whole);
}

TEST_F(Trainer, resumes_with_average_and_mixup_to_the_same_bytes) {
  train::TrainOptions options = quick_options();
  options.ema = 0.9;
  options.augmentation.mixup = 0.3;
  const auto whole = bytes_of(train(options));
  train::TrainHooks hooks{.checkpoint = checkpoint_};
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
    if (metrics.epoch == 2) throw std::runtime_error("stopped");
  };
  EXPECT_THROW(train(options, hooks), std::runtime_error);
  hooks.on_epoch = {};
  options.threads = 2;
  EXPECT_EQ(bytes_of(train(options, hooks)), whole);
}

TEST_F(Trainer, spends_little_time_on_loading) {
  train::TrainOptions options = quick_options();
  options.augmentation = {.shift = 1, .flip = true};
  train::TrainHooks hooks;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
    EXPECT_GT(metrics.loading_share, 0);
    EXPECT_LT(metrics.loading_share, 0.2);
  };
  train(options, hooks);
}

TEST_F(Trainer, keeps_the_structure_of_the_graph_and_moves_the_statistics) {
  const Graph before = test::tiny_network();
  const Graph after = train(quick_options());
  EXPECT_EQ(after.nodes.size(), before.nodes.size());
  EXPECT_NO_THROW(validate(after));
  for (const Node& node : after.nodes) {
    if (!std::holds_alternative<BatchNorm>(node.op)) continue;
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      EXPECT_NE(after.tensor(node.inputs[i]).data, before.tensor(node.inputs[i]).data) << "input " << i;
    }
  }
}

TEST_F(Trainer, gives_the_same_bytes_for_any_number_of_threads) {
  train::TrainOptions options = quick_options();
  const auto one = bytes_of(train(options));
  options.threads = 3;
  EXPECT_EQ(bytes_of(train(options)), one);
}

TEST_F(Trainer, gives_other_bytes_for_another_seed) {
  train::TrainOptions options = quick_options();
  const auto one = bytes_of(train(options));
  options.seed = 2;
  EXPECT_NE(bytes_of(train(options)), one);
}

TEST_F(Trainer, reports_every_epoch_once_and_ends_its_progress_at_the_total) {
  std::vector<train::EpochMetrics> epochs;
  ProgressUpdate last;
  train::TrainHooks hooks;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) { epochs.push_back(metrics); };
  hooks.progress = [&](const ProgressUpdate& update) { last = {"", update.done, update.total, "", ""}; };
  train(quick_options(), hooks);
  ASSERT_EQ(epochs.size(), 3U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(epochs[i].epoch, i + 1);
    EXPECT_GT(epochs[i].images_per_second, 0);
  }
  EXPECT_LT(epochs[2].loss, epochs[0].loss);
  EXPECT_GT(epochs[2].accuracy, epochs[0].accuracy);
  EXPECT_EQ(last.done, 360U);
  EXPECT_EQ(last.total, 360U);
}

TEST_F(Trainer, resumes_after_any_epoch_to_the_same_bytes) {
  const auto whole = bytes_of(train(quick_options()));
  for (const auto optimizer : {train::Optimizer::kSgd, train::Optimizer::kAdamW}) {
    train::TrainOptions options = quick_options();
    options.optimizer = optimizer;
    const auto expected = optimizer == train::Optimizer::kSgd ? whole : bytes_of(train(options));
    for (int stop_after = 1; stop_after <= 3; ++stop_after) {
      fs::remove(checkpoint_);
      train::TrainHooks hooks{.checkpoint = checkpoint_};
      hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
        if (metrics.epoch == stop_after) throw std::runtime_error("stopped");
      };
      EXPECT_THROW(train(options, hooks), std::runtime_error);
      std::vector<int> epochs;
      hooks.on_epoch = [&](const train::EpochMetrics& metrics) { epochs.push_back(metrics.epoch); };
      EXPECT_EQ(bytes_of(train(options, hooks)), expected);
      EXPECT_EQ(epochs, (std::vector<int>{1, 2, 3}));
    }
  }
}

/// A folder that a death test's child, which runs the test from its start, shares with its parent.
class SharedFolder {
 public:
  SharedFolder() {
    ::setenv(kVariable, own_.path().c_str(), /*overwrite=*/0);
    path_ = ::getenv(kVariable);
  }
  ~SharedFolder() {
    if (path_ == own_.path()) ::unsetenv(kVariable);
  }
  const fs::path& path() const { return path_; }

 private:
  static constexpr const char* kVariable = "THIMBLE_TEST_SHARED_FOLDER";
  TemporaryFolder own_;
  fs::path path_;
};

TEST_F(Trainer, killed_in_the_middle_of_an_epoch_resumes_to_the_same_bytes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const SharedFolder shared;
  train::TrainHooks hooks{.checkpoint = shared.path() / "train.checkpoint"};
  EXPECT_EXIT(
      {
        hooks.progress = [](const ProgressUpdate& update) {
          if (update.done == 120 + 48) ::raise(SIGKILL);  // the second batch of the second epoch
        };
        train(quick_options(), hooks);
      },
      testing::KilledBySignal(SIGKILL), "");
  ASSERT_TRUE(fs::exists(hooks.checkpoint));
  uint64_t first_done = 0;
  hooks.progress = [&](const ProgressUpdate& update) {
    first_done = first_done == 0 ? update.done : first_done;
  };
  EXPECT_EQ(bytes_of(train(quick_options(), hooks)), bytes_of(train(quick_options())));
  EXPECT_EQ(first_done, 120U + 24U) << "the first epoch was trained again";
}

TEST_F(Trainer, reads_a_finished_training_from_its_checkpoint) {
  train::TrainHooks hooks{.checkpoint = checkpoint_};
  const auto trained = bytes_of(train(quick_options(), hooks));
  bool worked = false;
  hooks.progress = [&](const ProgressUpdate&) { worked = true; };
  EXPECT_EQ(bytes_of(train(quick_options(), hooks)), trained);
  EXPECT_FALSE(worked);
}

TEST_F(Trainer, refuses_a_checkpoint_cut_short_or_changed_and_leaves_it) {
  const train::TrainHooks hooks{.checkpoint = checkpoint_};
  train(quick_options(), hooks);
  const auto whole = read_file(checkpoint_);
  const auto expect_refused = [&](std::vector<std::byte> content) {
    write_file_atomically(checkpoint_, content);
    test::expect_error([&] { train(quick_options(), hooks); }, {checkpoint_.string(), "Delete"});
    EXPECT_EQ(read_file(checkpoint_), content);
  };
  for (const size_t size : {size_t{0}, size_t{10}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    expect_refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  for (const size_t position : {size_t{3}, size_t{40}, size_t{90}, whole.size() / 2, whole.size() - 3}) {
    auto changed = whole;
    changed[position] ^= std::byte{0x10};
    expect_refused(changed);
  }
  auto longer = whole;
  longer.push_back(std::byte{0});
  expect_refused(longer);
}

TEST_F(Trainer, refuses_the_checkpoint_of_another_training_and_leaves_it) {
  const train::TrainHooks hooks{.checkpoint = checkpoint_};
  train(quick_options(), hooks);
  const auto content = read_file(checkpoint_);
  train::TrainOptions options = quick_options();
  options.learning_rate *= 2;
  test::expect_error([&] { train(options, hooks); }, {checkpoint_.string(), "another training"});
  set_.samples[17] ^= 1;
  test::expect_error([&] { train(quick_options(), hooks); }, "another training");
  set_.samples[17] ^= 1;
  set_.groups.assign(set_.size(), 3);
  test::expect_error([&] { train(quick_options(), hooks); }, "another training");
  EXPECT_EQ(read_file(checkpoint_), content);
}

TEST_F(Trainer, may_resume_with_another_number_of_threads) {
  const train::TrainHooks hooks{.checkpoint = checkpoint_};
  const auto trained = bytes_of(train(quick_options(), hooks));
  train::TrainOptions options = quick_options();
  options.threads = 2;
  EXPECT_EQ(bytes_of(train(options, hooks)), trained);
}

TEST_F(Trainer, stops_when_the_loss_is_no_number) {
  Graph graph = test::tiny_network();
  for (Tensor& tensor : graph.tensors) {
    if (tensor.shape == Shape{3}) tensor.values<float>()[0] = NAN;
  }
  test::expect_error([&] { train::train(graph, set_, quick_options()); },
                     {"no longer a finite number", "learning_rate"});
}

TEST_F(Trainer, refuses_options_that_cannot_work) {
  const auto expect_refused = [&](auto change, const std::string& part) {
    train::TrainOptions options = quick_options();
    change(options);
    test::expect_error([&] { train(options); }, part);
  };
  expect_refused([](auto& o) { o.epochs = 0; }, "epochs");
  expect_refused([](auto& o) { o.batch_size = 1; }, "batch_size");
  expect_refused([](auto& o) { o.learning_rate = 0; }, "learning_rate");
  expect_refused([](auto& o) { o.augmentation.shift = 8; }, "shift");
  expect_refused([](auto& o) { o.ema = 1; }, "ema");
  expect_refused([](auto& o) { o.validation = 1; }, "validation");
  expect_refused([](auto& o) { o.patience = 2; }, "patience");
}

TEST_F(Trainer, refuses_a_set_with_another_number_of_classes) {
  set_.class_names.pop_back();
  test::expect_error([&] { train(quick_options()); }, {"1x3", "2 classes"});
}

TEST_F(Trainer, refuses_a_label_out_of_range) {
  set_.labels[5] = 3;
  test::expect_error([&] { train(quick_options()); }, {"label 3", "3 classes"});
}

}  // namespace
}  // namespace thimble
