#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/toml_table.h"
#include "compress/prune/prune.h"
#include "compress/quantize/quantize.h"
#include "compress/redesign/redesign.h"
#include "deploy/limits.h"
#include "train/trainer.h"

namespace thimble::pipeline {

/// A [budget] table.
using Budget = deploy::Limits;

// The stages a recipe can list ([[stage]] tables with do = "...").

struct TrainStage {
  static constexpr std::string_view kName = "train";
  train::TrainOptions options;
};

/// Removes channels of the network as it is then, and lets it recover.
struct PruneStage {
  static constexpr std::string_view kName = "prune";
  prune::PruneOptions options;
  std::vector<std::string>
      teachers;  ///< model files that teach as it recovers, beside itself if options.distill
};

/// Makes another network of the network as it is then, and lets it recover.
struct RedesignStage {
  static constexpr std::string_view kName = "redesign";
  redesign::RedesignOptions options;
  std::vector<std::string> teachers;  ///< as a PruneStage's
};

/// Trains the network to say what trained ones say; or another one, which takes its place.
struct DistillStage {
  static constexpr std::string_view kName = "distill";
  train::TrainOptions options;        ///< without the teachers
  std::vector<std::string> teachers;  ///< paths of model files
  std::string student;  ///< a model that the network teaches, too; empty: it is the student itself
};

struct QuantizeStage {
  static constexpr std::string_view kName = "quantize";
  quantize::Options options;
  std::vector<std::string>
      teachers;  ///< model files that teach in training, beside itself if options.distills
};

/// Writes the C package of the network as it is then.
struct DeployStage {
  static constexpr std::string_view kName = "deploy";
  bool count = false;  ///< kernels are chosen by counts on the device's emulator; of what follows, too
};

/// Compares the deployed C with the integer reference, on this machine and on the emulated core.
struct VerifyStage {
  static constexpr std::string_view kName = "verify";
  size_t samples = 100;
};

/// Counts what the deployed network and, beside it, its float32 form cost on the device.
struct ProfileStage {
  static constexpr std::string_view kName = "profile";
  bool float32 = true;  ///< whether the float32 form is counted, too
};

using Stage = std::variant<TrainStage, PruneStage, RedesignStage, DistillStage, QuantizeStage, DeployStage,
                           VerifyStage, ProfileStage>;

std::string_view name_of(const Stage& stage);

/// Whether a stage leaves another network than it found.
bool makes_network(const Stage& stage);

/// The model files that teach in a stage.
std::vector<std::string> teachers_of(const Stage& stage);

/// What `thimble optimize` is asked to do.
struct Recipe {
  std::string name;
  std::string model;   ///< "zoo:NAME" or the path of a model file
  std::string data;    ///< a data set's name
  std::string device;  ///< a device's name or the path of its profile; empty: it only trains or quantizes
  uint64_t seed = 1;
  /// Part of the training data is held out, and accuracies are measured on it instead of the test split.
  bool held_out = false;
  /// The part of the training samples that stages work with, evenly over the classes.
  double training_part = 1;
  Budget budget;
  std::vector<Stage> stages;
  std::vector<std::string> stage_texts;  ///< of each stage its keys as TOML, in the order of the alphabet
  std::string text;                      ///< as written; a run's identity
};

/// Parses a recipe. `where` names it in errors. Throws Error with the line for an unknown key or stage, a
/// value of the wrong type or out of range, and stages in an order that cannot work (quantize twice, verify
/// before deploy).
Recipe parse_recipe(std::string_view text, std::string_view where);
Recipe read_recipe(const std::filesystem::path& path);

/// Gives a recipe, and those of its stages that draw random numbers, another seed.
void set_seed(Recipe& recipe, uint64_t seed);

}  // namespace thimble::pipeline
