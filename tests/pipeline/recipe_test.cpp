#include "pipeline/recipe.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "support/expect_error.h"

namespace thimble::pipeline {
namespace {

constexpr const char* kHead =
    "name = \"r\"\nmodel = \"zoo:mnist-cnn\"\ndata = \"mnist\"\ndevice = \"nano33ble\"\n";
constexpr const char* kTrain = "[[stage]]\ndo = \"train\"\n";
constexpr const char* kQuantize = "[[stage]]\ndo = \"quantize\"\n";
constexpr const char* kDeploy = "[[stage]]\ndo = \"deploy\"\n";

std::string recipe_of(std::initializer_list<const char*> parts) {
  std::string text;
  for (const char* part : parts) text += part;
  return text;
}

TEST(Recipe, reads_every_key_of_the_one_in_the_repository) {
  const Recipe recipe = read_recipe(THIMBLE_SOURCE_DIR "/recipes/mnist-nano33ble.toml");
  EXPECT_EQ(recipe.name, "mnist-nano33ble");
  EXPECT_EQ(recipe.model, "zoo:mnist-cnn");
  EXPECT_EQ(recipe.budget.accuracy, 0.991);
  ASSERT_EQ(recipe.stages.size(), 5U);
  EXPECT_EQ(name_of(recipe.stages[0]), "train");
  EXPECT_EQ(name_of(recipe.stages[4]), "profile");
  EXPECT_EQ(std::get<VerifyStage>(recipe.stages[3]).samples, 100U);
}

TEST(Recipe, a_new_seed_reaches_every_stage_that_draws_numbers) {
  Recipe recipe = parse_recipe(recipe_of({kHead, "seed = 3\n", kTrain, kQuantize}), "r.toml");
  EXPECT_EQ(std::get<TrainStage>(recipe.stages[0]).options.seed, 3U);
  set_seed(recipe, 9);
  EXPECT_EQ(std::get<TrainStage>(recipe.stages[0]).options.seed, 9U);
  EXPECT_EQ(std::get<QuantizeStage>(recipe.stages[1]).options.post_training.seed, 9U);
}

TEST(Recipe, quantization_takes_widths_methods_and_improvements) {
  const auto options_of = [](const char* keys) {
    const Recipe recipe = parse_recipe(recipe_of({kHead, "seed = 4\n", kTrain, kQuantize, keys}), "r.toml");
    return std::get<QuantizeStage>(recipe.stages[1]).options;
  };
  const quantize::Options plain = options_of("");
  EXPECT_EQ(plain.post_training.weights.bits, 8);
  EXPECT_FALSE(plain.post_training.adaptive_rounding || plain.training || plain.mix);
  const quantize::Options four =
      options_of("bits = 4\ncalibration = \"entropy\"\nimprove = \"scales bias\"\n");
  EXPECT_EQ(four.post_training.calibration.rule, quantize::RangeRule::kEntropy);
  EXPECT_TRUE(four.post_training.least_squares_scales && four.post_training.bias_correction);
  EXPECT_FALSE(four.post_training.adaptive_rounding);
  EXPECT_TRUE(options_of("bits = 4\n").post_training.adaptive_rounding);
  EXPECT_TRUE(options_of("calibration = \"auto\"\n").post_training.choose_rule);
  const quantize::Options by_layer = options_of("layer_bits = {conv2d = 4, \"a/b\" = 3}\n");
  EXPECT_EQ(by_layer.post_training.weights.bits, 8);
  EXPECT_EQ(by_layer.post_training.weights.layers.at("a/b").bits, 3);
  EXPECT_TRUE(by_layer.post_training.adaptive_rounding);
  const QuantizeOptions wide =
      options_of("activations = 16\nlayer_activations = {conv2d = 8}\n").post_training.weights;
  EXPECT_EQ(wide.activations, 16);
  EXPECT_EQ(wide.layer_activations.at("conv2d"), 8);
  test::expect_error([&] { options_of("activations = 12\n"); }, "Take 8 or 16");
  test::expect_error([&] { options_of("method = \"qat\"\nlayer_activations = {conv2d = 16}\n"); },
                     "layer_activations");
  const quantize::Options qat = options_of(
      "bits = \"mixed\"\nmethod = \"qat\"\nweights_bytes = 8000\naccuracy_loss = 0.5\nepochs = 3\n");
  EXPECT_EQ(qat.training->epochs, 3);
  EXPECT_EQ(qat.training->seed, 4U);
  EXPECT_EQ(qat.mix->limits.bytes, 8000U);
  EXPECT_DOUBLE_EQ(*qat.mix->accuracy_loss, 0.005);
}

TEST(Recipe, reads_how_to_prune_and_to_distill) {
  const Recipe recipe = parse_recipe(
      recipe_of({kHead, kTrain, "[[stage]]\ndo = \"prune\"\nkeep = 0.25\nof = \"parameters\"\n",
                 "criterion = \"taylor\"\nranking = \"global\"\nsteps = 3\nschedule = \"gradual\"\n",
                 "distill = true\nrecovery = {epochs = 4, temperature = 2, group_lasso = 0.5}\n",
                 "teachers = [{model = \"c.onnx\"}]\n",
                 "[[stage]]\ndo = \"distill\"\nteachers = [{model = \"a.onnx\"}, {model = \"b.onnx\"}]\n",
                 "weight = 0.5\nepochs = 7\nhints = [{student = \"x\", teacher = \"y\"}]\n"}),
      "r.toml");
  const prune::PruneOptions& pruning = std::get<PruneStage>(recipe.stages[1]).options;
  EXPECT_EQ(pruning.select.keep, 0.25);
  EXPECT_EQ(pruning.measure, prune::Measure::kParameters);
  EXPECT_EQ(pruning.criterion, prune::Criterion::kTaylor);
  EXPECT_EQ(pruning.select.ranking, prune::Ranking::kGlobal);
  EXPECT_EQ(pruning.steps, 3);
  EXPECT_EQ(pruning.schedule, prune::Steps::kGradual);
  EXPECT_TRUE(pruning.distill);
  EXPECT_EQ(pruning.recovery->epochs, 4);
  EXPECT_EQ(pruning.recovery->distillation.temperature, 2);
  EXPECT_EQ(pruning.recovery->group_lasso, 0.5);
  EXPECT_EQ(teachers_of(recipe.stages[1]), (std::vector<std::string>{"c.onnx"}));
  const DistillStage& distill = std::get<DistillStage>(recipe.stages[2]);
  EXPECT_EQ(distill.teachers, (std::vector<std::string>{"a.onnx", "b.onnx"}));
  EXPECT_EQ(distill.options.epochs, 7);
  EXPECT_EQ(distill.options.distillation.weight, 0.5);
  EXPECT_EQ(distill.options.distillation.hints.at(0).teacher, "y");
  EXPECT_TRUE(distill.student.empty());
}

TEST(Recipe, reads_how_to_redesign_and_at_what_granularity_to_prune) {
  const Recipe recipe = parse_recipe(
      recipe_of({kHead, "seed = 4\n", kTrain,
                 "[[stage]]\ndo = \"redesign\"\nseparable = true\nlayers = [\"a\", \"b\"]\n",
                 "activation_between = false\ndepth = 1.5\nwidth = 0.5\nmultiple = 4\nsamples = 9\n",
                 "distill = true\nrecovery = {epochs = 4, temperature = 2}\n",
                 "[[stage]]\ndo = \"prune\"\ngranularity = \"block-1x4\"\n"}),
      "r.toml");
  const redesign::RedesignOptions& options = std::get<RedesignStage>(recipe.stages[1]).options;
  EXPECT_TRUE(options.separable);
  EXPECT_EQ(options.layers, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(options.activation_between);
  EXPECT_EQ(options.depth, 1.5);
  EXPECT_EQ(options.width, 0.5);
  EXPECT_EQ(options.multiple, 4);
  EXPECT_EQ(options.samples, 9U);
  EXPECT_TRUE(options.distill);
  EXPECT_EQ(options.recovery->epochs, 4);
  EXPECT_EQ(options.recovery->distillation.temperature, 2);
  EXPECT_EQ(options.recovery->seed, 4U);
  EXPECT_EQ(std::get<PruneStage>(recipe.stages[2]).options.granularity, prune::Granularity::kBlock1x4);
}

struct Bad {
  const char* name;
  std::string text;
  const char* says;  ///< a part of the error
};

class BadRecipe : public testing::TestWithParam<Bad> {};

TEST_P(BadRecipe, is_an_error_with_its_line) {
  test::expect_error([] { parse_recipe(GetParam().text, "r.toml"); }, {"r.toml", GetParam().says});
}

INSTANTIATE_TEST_SUITE_P(
    Recipe, BadRecipe,
    testing::Values(
        Bad{"not_toml", "name = [", "r.toml:1"},
        Bad{"unknown_key", recipe_of({kHead, "sed = 1\n", kTrain}), "'sed' is not known"},
        Bad{"unknown_key_of_a_stage", recipe_of({kHead, kTrain, "epoch = 3\n"}), "r.toml:7"},
        Bad{"a_redesign_of_nothing", recipe_of({kHead, "[[stage]]\ndo = \"redesign\"\n"}), "changes nothing"},
        Bad{"unknown_granularity", recipe_of({kHead, "[[stage]]\ndo = \"prune\"\ngranularity = \"atom\"\n"}),
            "granularity"},
        Bad{"unknown_stage", recipe_of({kHead, "[[stage]]\ndo = \"prain\"\n"}), "prain"},
        Bad{"stage_without_a_name", recipe_of({kHead, "[[stage]]\nepochs = 3\n"}), "'do' is missing"},
        Bad{"unknown_limit", recipe_of({kHead, "[budget]\nram = 3\n", kTrain}), "'ram' is not known"},
        Bad{"no_stage", kHead, "'stage' is missing"}, Bad{"no_model", "name = \"r\"\n", "'model' is missing"},
        Bad{"epochs_of_zero", recipe_of({kHead, kTrain, "epochs = 0\n"}), "'epochs'"},
        Bad{"epochs_in_words", recipe_of({kHead, kTrain, "epochs = \"many\"\n"}), "'epochs'"},
        Bad{"accuracy_in_percent", recipe_of({kHead, "[budget]\naccuracy = 99.1\n", kTrain}), "'accuracy'"},
        Bad{"five_bits", recipe_of({kHead, kTrain, kQuantize, "bits = 5\n"}), "'bits'"},
        Bad{"bits_in_words", recipe_of({kHead, kTrain, kQuantize, "bits = \"few\"\n"}), "few"},
        Bad{"a_budget_for_one_width", recipe_of({kHead, kTrain, kQuantize, "weights_bytes = 9\n"}),
            "weights_bytes"},
        Bad{"epochs_without_training", recipe_of({kHead, kTrain, kQuantize, "epochs = 9\n"}), "epochs"},
        Bad{"an_unknown_improvement", recipe_of({kHead, kTrain, kQuantize, "improve = \"luck\"\n"}), "luck"},
        Bad{"an_improvement_that_training_makes",
            recipe_of({kHead, kTrain, kQuantize, "method = \"qat\"\nimprove = \"equalize bias\"\n"}),
            "method = \"qat\""},
        Bad{"steps_of_8_bits_for_activations_of_16",
            recipe_of({kHead, kTrain, kQuantize, "activations = 16\ncalibration = \"mse\"\n"}),
            "activations have 16"},
        Bad{"verify_before_deploy", recipe_of({kHead, kTrain, "[[stage]]\ndo = \"verify\"\n"}), "deploy"},
        Bad{"train_after_quantize", recipe_of({kHead, kQuantize, kTrain}), "train after quantize"},
        Bad{"quantize_after_deploy", recipe_of({kHead, kTrain, kDeploy, kQuantize}), "after deploy"},
        Bad{"a_stage_twice", recipe_of({kHead, kTrain, kTrain}), "second time"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace thimble::pipeline
