#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.h"
#include "graph/graph.h"

namespace thimble::pipeline {

/// The state of a run on disk: run.json (what is done, with results), metrics.jsonl (one line a measurement)
/// and one ONNX file a stage. Every write is atomic, and a stage counts as done only once its results are in
/// run.json, so a run killed at any moment goes on where it was.
class RunFolder {
 public:
  enum class InUse { kFail, kWait };  ///< what to do while another process works in it

  /// Opens or creates a run. `identity` is all that decides its results (recipe, model, device, seed,
  /// version). Throws Error when the folder holds a run of another identity, a damaged run.json, or, unless
  /// it is to wait, when another process works in it.
  RunFolder(std::filesystem::path folder, nlohmann::json identity, InUse in_use = InUse::kFail);

  const std::filesystem::path& path() const { return folder_; }
  const nlohmann::json& state() const { return state_; }

  /// The results of a stage that is done; for one that left files, only while they are the ones that it
  /// wrote.
  std::optional<nlohmann::json> results(std::string_view stage) const;

  /// Marks a stage as done.
  void finish(std::string_view stage, nlohmann::json results);

  /// Sets another entry of run.json.
  void set(std::string_view key, nlohmann::json value);

  /// Takes over what `other` says of a stage that is done there: its model, as FILE, and its metrics.
  /// Returns the results as this run has them.
  nlohmann::json adopt(const RunFolder& other, std::string_view stage, const std::string& file);

  /// Reads a model of the run.
  Graph read_model(std::string_view file) const;

  /// Writes a model as FILE and reads it back: what later stages see is what is on disk.
  Graph keep_model(const Graph& graph, std::string_view file);

  /// SHA-256 of a file of the run.
  std::string sha256_of(std::string_view file) const;

  /// Adds a line to metrics.jsonl; one with the same "stage", "step" and "epoch" replaces the line that is
  /// there.
  void add_metrics(const nlohmann::json& line);

 private:
  void save_state() const;
  void save_metrics() const;
  void put_metrics(const nlohmann::json& line);

  std::filesystem::path folder_;
  std::optional<FileLock> lock_;
  nlohmann::json state_;
  std::vector<nlohmann::json> metrics_;
};

/// Whether a run was begun in the folder.
bool holds_run(const std::filesystem::path& folder);

/// Reads run.json of a finished or unfinished run. Throws Error when the folder holds none or it is damaged.
nlohmann::json read_run(const std::filesystem::path& folder);

/// The lines of a run's metrics.jsonl, none where it has no such file. Throws Error when one is no JSON.
std::vector<nlohmann::json> read_metrics(const std::filesystem::path& folder);

}  // namespace thimble::pipeline
