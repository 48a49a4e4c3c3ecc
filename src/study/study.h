#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/objective.h"
#include "pipeline/recipe.h"

namespace thimble::study {

/// What tells a trial from the others of its study.
struct TrialKey {
  std::string technique;
  std::string network;
  std::string data;
  uint64_t seed = 0;

  auto operator<=>(const TrialKey&) const = default;
};

/// "hybrid, mnist-cnn, mnist, seed 3"
std::string to_string(const TrialKey& key);

/// One trial to do: its key and the recipe that it carries out.
struct PlannedTrial {
  TrialKey key;
  std::string recipe;  ///< as TOML (docs/recipes.md)
};

/// What others published of a technique: an accuracy in percent, and by how many percent it changed what the
/// baseline costs.
struct PublishedResult {
  std::string technique;
  std::optional<double> accuracy;
  std::optional<double> size;
  std::optional<double> latency;
  std::optional<double> energy;
};

/// What a study's TOML says (docs/studies.md).
struct Study {
  std::string name;
  std::string baseline;  ///< the technique that the others are compared with
  std::vector<std::string> devices;
  pipeline::ObjectiveWeights weights;
  pipeline::Budget budget;
  std::vector<PublishedResult> published;  ///< which a report puts beside this study's
  std::string published_source;
  std::vector<PlannedTrial> trials;  ///< seed by seed, so that a study that is stopped has whole seeds
  std::string text;
  /// The SHA-256 of what the trials begin with, by what it is of: "model net.onnx". Empty: nobody looked.
  std::map<std::string, std::string> inputs;
  std::string command;  ///< that asked for it; empty: unknown
};

/// Parses a study. Throws Error with the line for an unknown key, a name or seed that is there twice, a
/// baseline or a published technique that is none of its own, and a cell whose recipe cannot work.
Study parse_study(std::string_view text, std::string_view where);
Study read_study(const std::filesystem::path& path);

}  // namespace thimble::study
