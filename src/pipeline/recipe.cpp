#include "pipeline/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/toml_table.h"
#include "compress/recovery.h"
#include "pipeline/parse_quantize.h"
#include "train/parse_options.h"

namespace thimble::pipeline {
namespace {

/// Stages must come after those that make what they read.
void check_order(const TomlTable& table, const std::vector<Stage>& before, const Stage& stage) {
  const auto seen = [&](std::string_view name) {
    return std::any_of(before.begin(), before.end(), [&](const Stage& s) { return name_of(s) == name; });
  };
  const std::string_view name = name_of(stage);
  if (seen(name)) table.fail("do", fmt::format("lists {} a second time", name), "List each stage once");
  const auto needs = [&](std::string_view earlier) {
    if (!seen(earlier)) {
      table.fail("do", fmt::format("lists {} before {}", name, earlier),
                 fmt::format("List {} first", earlier));
    }
  };
  if (name == VerifyStage::kName || name == ProfileStage::kName) needs(DeployStage::kName);
  const bool trains = name == TrainStage::kName || name == PruneStage::kName ||
                      name == RedesignStage::kName || name == DistillStage::kName;
  if (seen(DeployStage::kName) && (trains || name == QuantizeStage::kName)) {
    table.fail("do", fmt::format("lists {} after deploy", name),
               "Deploy what is finished: move it before deploy");
  }
  if (trains && seen(QuantizeStage::kName)) {
    table.fail("do", fmt::format("lists {} after quantize", name),
               "List what needs the float32 network first");
  }
}

void parse_distillation(TomlTable& table, train::Distillation& distillation) {
  distillation.temperature = table.number("temperature", 0.01, 1000, distillation.temperature);
  distillation.weight = table.number("weight", 0, 1, distillation.weight);
}

/// teachers = [{model = "a.onnx"}, ...]
std::vector<std::string> parse_teachers(TomlTable& table) {
  std::vector<std::string> teachers;
  for (TomlTable& teacher : table.tables("teachers")) {
    teachers.push_back(teacher.text("model"));
    teacher.expect_no_other_keys();
  }
  return teachers;
}

/// recovery = {...}, with the temperature and weight of a stage that distills in it.
std::optional<train::TrainOptions> parse_recovery(TomlTable& table, bool distills,
                                                  const std::vector<std::string>& teachers) {
  auto recovery = table.table("recovery");
  if (!recovery) {
    if (distills || !teachers.empty()) {
      table.fail(distills ? "distill" : "teachers", "needs a recovery to teach in",
                 "Add recovery = {epochs = 5}");
    }
    return std::nullopt;
  }
  train::TrainOptions options = train::parse_options(*recovery, compress::recovery_defaults());
  if (distills || !teachers.empty()) parse_distillation(*recovery, options.distillation);
  recovery->expect_no_other_keys();
  return options;
}

PruneStage parse_prune(TomlTable& table) {
  PruneStage stage;
  prune::PruneOptions& o = stage.options;
  o.select.keep = table.number("keep", 1e-6, 1, o.select.keep);
  o.granularity = prune::granularity_named(
      table.choice("granularity", {"filter", "channel", "kernel", "block-1x4", "block-4x1", "weight"}));
  o.measure = prune::measure_named(table.choice("of", {"macs", "parameters", "cycles"}));
  o.criterion = prune::criterion_named(
      table.choice("criterion", {"l2", "l1", "norm-scale", "taylor", "loss", "fpgm", "random"}));
  o.select.ranking = prune::ranking_named(table.choice("ranking", {"local", "global", "per-cost"}));
  o.select.multiple = static_cast<int>(table.integer("multiple", 1, 1024, o.select.multiple));
  o.select.least = table.number("least", 0, 1, o.select.least);
  if (auto layers = table.table("layers")) {
    for (const std::string& layer : layers->keys()) o.select.layers[layer] = layers->number(layer, 0.01, 1);
    if (table.has("steps") || table.has("keep") || is_mask(o.granularity))
      table.fail("layers", "says what stays already", "Leave out keep, steps and what only makes zeros");
  }
  o.steps = static_cast<int>(table.integer("steps", 1, 1000, o.steps));
  o.schedule =
      table.choice("schedule", {"even", "gradual"}) == "even" ? prune::Steps::kEven : prune::Steps::kGradual;
  o.samples = static_cast<size_t>(table.integer("samples", 1, 1000000, static_cast<int64_t>(o.samples)));
  o.distill = table.flag("distill", o.distill);
  stage.teachers = parse_teachers(table);
  o.recovery = parse_recovery(table, o.distill, stage.teachers);
  return stage;
}

RedesignStage parse_redesign(TomlTable& table) {
  RedesignStage stage;
  redesign::RedesignOptions& o = stage.options;
  o.separable = table.flag("separable", o.separable);
  if (table.has("layers")) o.layers = table.texts("layers");
  o.activation_between = table.flag("activation_between", o.activation_between);
  o.depth = table.number("depth", 0.01, 64, o.depth);
  o.width = table.number("width", 0.01, 64, o.width);
  o.multiple = static_cast<int>(table.integer("multiple", 1, 1024, o.multiple));
  o.samples = static_cast<size_t>(table.integer("samples", 1, 1000000, static_cast<int64_t>(o.samples)));
  o.distill = table.flag("distill", o.distill);
  stage.teachers = parse_teachers(table);
  o.recovery = parse_recovery(table, o.distill, stage.teachers);
  if (!o.separable && o.depth == 1 && o.width == 1) {
    table.fail("do", "lists a redesign that changes nothing", "Set separable, width or depth");
  }
  return stage;
}

DistillStage parse_distill(TomlTable& table) {
  DistillStage stage;
  stage.teachers = parse_teachers(table);
  stage.student = table.text("student", "");
  if (stage.teachers.empty() && stage.student.empty()) {
    table.fail("teachers", "is missing",
               "Name one: teachers = [{model = \"teacher.onnx\"}], or a student for the network to teach");
  }
  train::Distillation& distillation = stage.options.distillation;
  parse_distillation(table, distillation);
  for (TomlTable& hint : table.tables("hints")) {
    distillation.hints.push_back({hint.text("student"), hint.text("teacher")});
    hint.expect_no_other_keys();
  }
  distillation.hint_weight = table.number("hint_weight", 0, 1e9, distillation.hint_weight);
  distillation.cache = table.text("cache", "");
  stage.options = train::parse_options(table, stage.options);
  return stage;
}

Stage parse_stage(TomlTable& table) {
  if (!table.has("do")) table.fail("do", "is missing", "Say what the stage does: do = \"train\"");
  const std::string kind =
      table.choice("do", {std::string(TrainStage::kName), std::string(PruneStage::kName),
                          std::string(RedesignStage::kName), std::string(DistillStage::kName),
                          std::string(QuantizeStage::kName), std::string(DeployStage::kName),
                          std::string(VerifyStage::kName), std::string(ProfileStage::kName)});
  if (kind == TrainStage::kName) {
    return TrainStage{train::parse_options(table)};
  }
  if (kind == PruneStage::kName) return parse_prune(table);
  if (kind == RedesignStage::kName) return parse_redesign(table);
  if (kind == DistillStage::kName) return parse_distill(table);
  if (kind == QuantizeStage::kName) {
    QuantizeStage stage{parse_quantize(table), {}};
    if (stage.options.training) stage.teachers = parse_teachers(table);
    return stage;
  }
  if (kind == VerifyStage::kName) {
    return VerifyStage{static_cast<size_t>(table.integer("samples", 1, 1000000, 100))};
  }
  if (kind == ProfileStage::kName) return ProfileStage{table.flag("float32", true)};
  return DeployStage{table.flag("count", false)};
}

}  // namespace

std::string_view name_of(const Stage& stage) {
  return std::visit([](const auto& s) { return std::decay_t<decltype(s)>::kName; }, stage);
}

std::vector<std::string> teachers_of(const Stage& stage) {
  return std::visit(
      [](const auto& s) {
        if constexpr (requires { s.teachers; })
          return s.teachers;
        else
          return std::vector<std::string>();
      },
      stage);
}

bool makes_network(const Stage& stage) {
  return !std::holds_alternative<DeployStage>(stage) && !std::holds_alternative<VerifyStage>(stage) &&
         !std::holds_alternative<ProfileStage>(stage);
}

Recipe parse_recipe(std::string_view text, std::string_view where) {
  TomlTable table = TomlTable::parse(text, where);
  Recipe recipe;
  recipe.text = text;
  recipe.name = table.text("name");
  recipe.model = table.text("model");
  recipe.data = table.text("data");
  recipe.device = table.text("device", "");
  recipe.seed = static_cast<uint64_t>(table.integer("seed", 0, std::numeric_limits<int64_t>::max(), 1));
  recipe.held_out = table.flag("held_out", false);
  recipe.training_part = table.number("training_part", 0.001, 1, 1);
  if (auto budget = table.table("budget")) recipe.budget = deploy::parse_limits(std::move(*budget));
  for (TomlTable& stage_table : table.tables("stage")) {
    Stage stage = parse_stage(stage_table);
    stage_table.expect_no_other_keys();
    check_order(stage_table, recipe.stages, stage);
    if (name_of(stage) == DeployStage::kName && recipe.device.empty()) {
      table.fail("device", "is missing", "Say for which device: device = \"nano33ble\"");
    }
    const auto* prune_stage = std::get_if<PruneStage>(&stage);
    if (prune_stage != nullptr && prune_stage->options.measure == prune::Measure::kCycles &&
        recipe.device.empty()) {
      table.fail("device", "is missing", "Say whose cycles are counted: device = \"nano33ble\"");
    }
    recipe.stages.push_back(std::move(stage));
    recipe.stage_texts.push_back(stage_table.inline_toml());
  }
  set_seed(recipe, recipe.seed);
  table.expect_no_other_keys();
  if (recipe.stages.empty())
    table.fail("stage", "is missing", "List at least one stage: [[stage]] with do = \"train\"");
  return recipe;
}

void set_seed(Recipe& recipe, uint64_t seed) {
  recipe.seed = seed;
  for (Stage& stage : recipe.stages) {
    std::visit(
        [seed](auto& s) {
          if constexpr (requires { s.options.seed; }) s.options.seed = seed;
          if constexpr (requires { set_seed(s.options, seed); }) set_seed(s.options, seed);
          if constexpr (requires { s.options.recovery; }) {
            if (s.options.recovery) s.options.recovery->seed = seed;
          }
        },
        stage);
  }
}

Recipe read_recipe(const std::filesystem::path& path) {
  return parse_recipe(read_text(path, uint64_t{1} << 20), path.string());
}

}  // namespace thimble::pipeline
