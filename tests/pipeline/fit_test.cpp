#include "pipeline/fit.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "deploy/device_run.h"
#include "support/expect_error.h"
#include "zoo/zoo.h"

namespace thimble::pipeline {
namespace {

data::Dataset images(std::vector<int32_t> shape) {
  data::Dataset set;
  set.name = "images";
  set.sample_shape = std::move(shape);
  set.class_names.resize(10, "class");
  set.samples.resize(32 * static_cast<size_t>(set.sample_shape[0]) *
                     static_cast<size_t>(set.sample_shape[1]) * static_cast<size_t>(set.sample_shape[2]));
  for (size_t i = 0; i < set.samples.size(); ++i) set.samples[i] = static_cast<uint8_t>(i * 37 % 251);
  for (int32_t i = 0; i < 32; ++i) set.labels.push_back(i % 10);
  return set;
}

Recipe fitted(const std::string& model, const std::string& network, const data::Dataset& set,
              const Budget& budget, const std::string& device = "nano33ble") {
  const std::string text =
      recipe_that_fits({"thimble optimize", model, set.name, device, 1, budget}, zoo::build(network, 1), set,
                       device::load_device(device), [](std::string_view) {});
  return parse_recipe(text, "fitted.toml");
}

bool has_tools() {
  try {
    deploy::expect_tools(device::load_device("nano33ble"), false);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(Fit, little_flash_takes_4_bits_and_a_model_of_the_zoo_is_trained) {
  if (!has_tools()) GTEST_SKIP() << "the emulator is not installed";
  const Recipe recipe = fitted("zoo:mnist-cnn,width=1.5", "mnist-cnn,width=1.5", images({28, 28, 1}),
                               {.flash_bytes = 48 * 1024});
  ASSERT_GE(recipe.stages.size(), 5U);
  EXPECT_EQ(name_of(recipe.stages[0]), "train");
  const auto& training = std::get<TrainStage>(recipe.stages[0]).options;
  EXPECT_EQ(training.epochs, 200) << "of a small set";
  EXPECT_EQ(training.augmentation.shift, 1);
  const auto quantize = std::find_if(recipe.stages.begin(), recipe.stages.end(),
                                     [](const Stage& stage) { return name_of(stage) == "quantize"; });
  EXPECT_EQ(std::get<QuantizeStage>(*quantize).options.post_training.weights.bits, 4);
  EXPECT_EQ(recipe.budget.flash_bytes, 48 * 1024);
}

TEST(Fit, little_time_makes_channels_leave_whom_the_whole_network_teaches) {
  if (!has_tools()) GTEST_SKIP() << "the emulator is not installed";
  const Recipe recipe = fitted("float.onnx", "resnet8,width=0.5", images({32, 32, 3}), {.latency_ms = 40});
  ASSERT_EQ(name_of(recipe.stages[0]), "prune");
  const auto& options = std::get<PruneStage>(recipe.stages[0]).options;
  EXPECT_TRUE(options.distill);
  EXPECT_LT(options.select.keep, 1);
  ASSERT_TRUE(options.recovery);
  EXPECT_EQ(options.recovery->augmentation.shift, 4);
  EXPECT_TRUE(options.recovery->augmentation.flip);
}

TEST(Fit, refuses_what_no_network_could_be_shown_to_keep) {
  const data::Dataset set = images({28, 28, 1});
  test::expect_error([&] { fitted("float.onnx", "mnist-cnn", set, {.energy_uj = 5}, "rp2040"); },
                     {"energy", "rp2040"});
  if (!has_tools()) GTEST_SKIP() << "the emulator is not installed";
  test::expect_error([&] { fitted("float.onnx", "mnist-cnn", set, {.ram_bytes = 100}); },
                     {"in no form", "100 B"});
}

}  // namespace
}  // namespace thimble::pipeline
