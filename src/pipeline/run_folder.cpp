#include "pipeline/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "base/error.h"
#include "base/files.h"
#include "deploy/results_json.h"
#include "formats/model.h"
#include "pipeline/parse_json.h"

namespace thimble::pipeline {
namespace {

using nlohmann::json;

constexpr std::string_view kStateFile = "run.json";
constexpr std::string_view kMetricsFile = "metrics.jsonl";

/// A line of metrics is known by its stage and, where it has them, its step and its epoch.
bool same_measurement(const json& a, const json& b) {
  return a.value("stage", "") == b.value("stage", "") && a.value("step", -1) == b.value("step", -1) &&
         a.value("epoch", -1) == b.value("epoch", -1);
}

/// A kill in mid-write leaves the file that was to be renamed: ".NAME.XXXXXX" (write_file_atomically). Names
/// alone that a run writes: a user may keep a ".env.sample" in the same folder.
void remove_unfinished_writes(const std::filesystem::path& folder) {
  static const std::regex unfinished(
      R"(\.(run\.json|recipe\.toml|metrics\.jsonl|report\.html|[0-9]+-[a-z]+\.onnx|[a-z]+\.checkpoint(\.[0-9]+)?)\.[A-Za-z0-9]{6})");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (std::regex_match(entry.path().filename().string(), unfinished) && entry.is_regular_file())
      std::filesystem::remove(entry.path());
  }
}

}  // namespace

std::vector<json> read_metrics(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kMetricsFile;
  std::vector<json> lines;
  if (!std::filesystem::exists(path)) return lines;
  const std::string text = read_text(path);
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    json line = parse_json(std::string_view(text).substr(begin, end - begin));
    if (!line.is_object()) {
      throw Error(path.string(), fmt::format("line {} is not JSON", lines.size() + 1),
                  "The file was changed by something else: move the run's folder away and run again");
    }
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

bool holds_run(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / kStateFile, ignored);
}

nlohmann::json read_run(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kStateFile;
  json state = parse_json(read_text(path));
  if (!state.is_object() || !state.value("stages", json()).is_array() ||
      !state.value("identity", json()).is_object() ||
      !state.value("data_sha256", json::object()).is_object()) {
    throw Error(path.string(), "is damaged", "Move the run's folder away and run again");
  }
  for (const json& stage : state["stages"]) {
    if (!stage.is_object() || !stage.value("stage", json()).is_string()) {
      throw Error(path.string(), "lists a stage without a name", "Move the run's folder away and run again");
    }
  }
  return state;
}

RunFolder::RunFolder(std::filesystem::path folder, nlohmann::json identity, InUse in_use)
    : folder_(std::move(folder)) {
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  if (failed) {
    throw Error(folder_.string(), fmt::format("cannot be made ({})", failed.message()),
                "Give another folder with -o");
  }
  lock_.emplace(folder_ / ".lock");
  if (in_use == InUse::kWait) {
    lock_->wait();
  } else if (!lock_->try_lock()) {
    throw Error(folder_.string(), "is in use by another run",
                "Wait for its end, or give another folder with -o");
  }
  if (!holds_run(folder_)) {
    remove_unfinished_writes(folder_);
    state_ = {{"identity", std::move(identity)}, {"stages", json::array()}};
    save_state();
    return;
  }
  state_ = read_run(folder_);
  for (const auto& [key, value] : identity.items()) {
    if (state_["identity"].value(key, json()) != value) {
      throw Error(folder_.string(), fmt::format("holds a run with another {}", key),
                  "Give another folder with -o, or run the recipe that is in it as it was");
    }
  }
  metrics_ = read_metrics(folder_);
  remove_unfinished_writes(folder_);
}

std::optional<nlohmann::json> RunFolder::results(std::string_view stage) const {
  for (const json& done : state_["stages"]) {
    if (done["stage"] != stage) continue;
    const json results = done.value("results", json::object());
    if (results.contains("model")) {
      const std::filesystem::path model = folder_ / results["model"].get<std::string>();
      if (!std::filesystem::exists(model)) return std::nullopt;
      if (sha256(read_file(model)) != results.value("sha256", "")) {
        throw Error(model.string(), "is not the file that this run wrote",
                    "Delete it: the stage is then done again");
      }
    }
    const json files = results.value("files", json::object());
    for (const auto& [file, digest] : files.items()) {
      if (!std::filesystem::exists(folder_ / file) || sha256_of(file) != digest) return std::nullopt;
    }
    return results;
  }
  return std::nullopt;
}

void RunFolder::finish(std::string_view stage, nlohmann::json results) {
  json& stages = state_["stages"];
  json entry = {{"stage", stage}, {"results", std::move(results)}};
  const auto place =
      std::find_if(stages.begin(), stages.end(), [&](const json& s) { return s["stage"] == stage; });
  if (place != stages.end()) {
    *place = std::move(entry);
  } else {
    stages.push_back(std::move(entry));
  }
  save_state();
}

void RunFolder::set(std::string_view key, nlohmann::json value) {
  state_[std::string(key)] = std::move(value);
  save_state();
}

nlohmann::json RunFolder::adopt(const RunFolder& other, std::string_view stage, const std::string& file) {
  json results = other.results(stage).value();
  write_file_atomically(folder_ / file, read_file(other.folder_ / results.at("model").get<std::string>()));
  results["model"] = file;
  for (const json& line : other.metrics_) put_metrics(line);
  save_metrics();
  return results;
}

Graph RunFolder::read_model(std::string_view file) const { return formats::read_model(folder_ / file); }

Graph RunFolder::keep_model(const Graph& graph, std::string_view file) {
  formats::write_model(graph, folder_ / file);
  return read_model(file);
}

std::string RunFolder::sha256_of(std::string_view file) const { return sha256(read_file(folder_ / file)); }

void RunFolder::add_metrics(const nlohmann::json& line) {
  put_metrics(line);
  save_metrics();
}

void RunFolder::put_metrics(const nlohmann::json& line) {
  const auto place = std::find_if(metrics_.begin(), metrics_.end(),
                                  [&](const json& m) { return same_measurement(m, line); });
  if (place != metrics_.end()) {
    *place = line;
  } else {
    metrics_.push_back(line);
  }
}

void RunFolder::save_metrics() const {
  std::string text;
  for (const json& metric : metrics_) text += metric.dump() + "\n";
  write_file_atomically(folder_ / kMetricsFile, text);
}

void RunFolder::save_state() const {
  write_file_atomically(folder_ / kStateFile, deploy::text_of(state_) + "\n");
}

}  // namespace thimble::pipeline
