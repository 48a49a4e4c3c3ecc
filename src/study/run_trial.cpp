#include "study/run_trial.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/files.h"
#include "deploy/device_run.h"
#include "deploy/results_json.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"
#include "pipeline/results_json.h"
#include "pipeline/run_folder.h"

namespace thimble::study {
namespace {

using nlohmann::json;

/// The figures of a profile (deploy::to_json); those that could not be had with the reason.
void add_costs(std::vector<Measurement>& measurements, const json& profile, const std::string& device) {
  const std::string why = profile.value("why", "was not measured");
  for (const char* metric : {"latency_ms", "energy_uj", "ram_bytes", "flash_bytes", "weights_bytes"}) {
    Measurement measurement{metric, device, std::nullopt, why};
    const json value = profile.value(metric, json());
    if (value.is_number()) {
      const json basis = profile.value("latency_basis", json());
      const bool of_time =
          metric == std::string_view("latency_ms") || metric == std::string_view("energy_uj");
      measurement.value = value.get<double>();
      measurement.note = of_time && basis.is_string() ? basis.get<std::string>() : "";
    }
    measurements.push_back(std::move(measurement));
  }
}

TrialOutcome run_trial(const Trial& trial, const std::filesystem::path& folder,
                       const std::vector<std::string>& devices, const pipeline::LoadModel& load_model,
                       const pipeline::OptimizeOptions& options) {
  const pipeline::Recipe recipe = pipeline::parse_recipe(trial.recipe, to_string(trial.key));
  const json run = pipeline::optimize(recipe, load_model, folder, options, {});

  std::vector<Measurement> measurements;
  json details = {{"metrics", pipeline::read_metrics(folder)}, {"profiles", json::object()}};
  const auto take = [&](const json& results) {
    details["models"].push_back({{"model", results.at("model")}, {"sha256", results.at("sha256")}});
    measurements = {{"accuracy", "", results.at("test").at("accuracy").get<double>(), ""},
                    {"macro_f1", "", results.at("test").at("macro_f1").get<double>(), ""},
                    {"parameters", "", results.at("parameters").get<double>(), ""},
                    {"macs", "", results.at("macs").get<double>(), ""},
                    {"weights_bytes", "", results.at("weights_bytes").get<double>(), ""}};
  };
  std::string model;
  for (const json& stage : run.at("stages")) {
    const json& results = stage.at("results");
    if (!results.contains("test")) continue;
    model = results.at("model").get<std::string>();
    take(results);
  }
  // A technique may leave the network as it is.
  const auto final_network = [&] {
    return model.empty() ? load_model(recipe.model, recipe.seed) : formats::read_model(folder / model);
  };
  if (model.empty()) {
    const Graph network = final_network();
    const auto test = options.load_data(recipe.data, data::Split::kTest);
    take({{"model", recipe.model},
          {"sha256", formats::sha256_of(network)},
          {"test", pipeline::to_json(pipeline::evaluate(network, test, options.threads))},
          {"parameters", parameter_count(network)},
          {"macs", mac_count(network)},
          {"weights_bytes", weight_bytes(network)}});
  }
  const json data = run.value("data_sha256", json::object());
  details["data_sha256"] = data.value("training", data.value("test", ""));
  for (const json& stage : run.at("stages")) {
    if (stage.at("stage") != pipeline::ProfileStage::kName) continue;
    json& profiles = details["profiles"];
    profiles[devices.front()] = stage.at("results").at("deployed");
    if (devices.size() == 1) {
      add_costs(measurements, profiles[devices.front()], devices.front());
      continue;
    }
    const Graph network = final_network();
    const auto test = options.load_data(recipe.data, data::Split::kTest);
    const auto sample =
        pipeline::sample_bytes(network, test, data::draw_by_class(test, 1, Random(recipe.seed)).at(0));
    for (size_t i = 1; i < devices.size(); ++i) {
      profiles[devices[i]] = pipeline::kept_profile(network, device::load_device(devices[i]), sample, options,
                                                    pipeline::counts_cache(recipe));
    }
    for (const std::string& device : devices) add_costs(measurements, profiles[device], device);
  }
  return {std::move(measurements), deploy::text_of(details)};
}

std::filesystem::path folder_of(const std::filesystem::path& runs, int64_t trial) {
  return runs / fmt::format("trial-{}", trial);
}

/// Keeps the splits of one data set, the last, for the next trial: reading one may take longer than a short
/// training.
class LastData {
 public:
  data::Dataset load(std::string_view name, data::Split split) {
    if (name != name_) splits_.clear();
    name_ = name;
    const auto found = splits_.find(split);
    return found != splits_.end() ? found->second
                                  : splits_.emplace(split, data::load(name, split)).first->second;
  }

 private:
  std::string name_;
  std::map<data::Split, data::Dataset> splits_;
};

}  // namespace

RunTrial trial_runner(const std::filesystem::path& runs, std::function<std::vector<std::string>()> devices,
                      pipeline::LoadModel load_model, pipeline::OptimizeOptions options) {
  options.cache = runs / "shared";
  return [=, last = LastData()](const Trial& trial) mutable {
    options.load_data = [&last](std::string_view name, data::Split split) { return last.load(name, split); };
    return run_trial(trial, folder_of(runs, trial.id), devices(), load_model, options);
  };
}

void expect_own_runs(const std::filesystem::path& runs, const Study& study, const std::vector<Trial>& there) {
  std::map<TrialKey, const Trial*> known;
  for (const Trial& trial : there) known.emplace(trial.key, &trial);
  int64_t next = there.empty() ? 1 : there.back().id + 1;
  for (const PlannedTrial& planned : study.trials) {
    const auto place = known.find(planned.key);
    if (place != known.end() && place->second->state != TrialState::kPending) continue;
    const std::filesystem::path folder = folder_of(runs, place != known.end() ? place->second->id : next++);
    if (!pipeline::holds_run(folder)) continue;
    if (pipeline::read_run(folder)["identity"].value("recipe", "") == planned.recipe) continue;
    throw Error(folder.string(),
                fmt::format("holds the run of another recipe than {}", to_string(planned.key)),
                fmt::format("Remove {}, or give another file with -o", runs.string()));
  }
}

std::map<std::string, std::string> inputs_of(const Study& study, const pipeline::LoadModel& load_model) {
  std::map<std::string, std::string> inputs;
  for (const std::string& name : study.devices) {
    const device::DeviceProfile device = device::load_device(name);
    deploy::expect_tools(device, true);
    inputs.emplace("device " + name, device::sha256_of(device));
  }
  const auto add_file = [&](const std::string& path) {
    const std::string what = "model " + path;
    if (!inputs.contains(what) && std::filesystem::is_regular_file(path))
      inputs.emplace(what, sha256(read_file(path)));
  };
  std::map<std::string, data::Dataset> test_sets;
  std::set<std::tuple<std::string, std::string, std::string>> seen;
  for (const PlannedTrial& trial : study.trials) {
    const pipeline::Recipe recipe = pipeline::parse_recipe(trial.recipe, to_string(trial.key));
    add_file(recipe.model);
    for (const pipeline::Stage& stage : recipe.stages) {
      for (const std::string& path : pipeline::teachers_of(stage)) add_file(path);
      const auto* distill = std::get_if<pipeline::DistillStage>(&stage);
      if (distill != nullptr) add_file(distill->student);
    }
    if (!seen.insert({trial.key.technique, trial.key.network, trial.key.data}).second) continue;
    if (!test_sets.contains(recipe.data)) {
      data::TrainAndTest both = data::load_both(recipe.data);
      inputs.emplace("training data " + recipe.data, both.train.sha256);
      inputs.emplace("test data " + recipe.data, both.test.sha256);
      test_sets.emplace(recipe.data, std::move(both.test));
    }
    const Graph network = load_model(recipe.model, recipe.seed);
    try {
      pipeline::expect_fits(network, test_sets.at(recipe.data));
    } catch (const Error& error) {
      throw Error(fmt::format("The cell of {} and {} is impossible", trial.key.network, trial.key.data),
                  error.what(), "Take another network, or leave that data set out of its list");
    }
    try {
      pipeline::expect_possible(recipe, network, load_model);
    } catch (const Error& error) {
      throw Error(fmt::format("The cell of {}, {} and {} is impossible", trial.key.technique,
                              trial.key.network, trial.key.data),
                  error.what(), "Change that technique or what the network says of it");
    }
  }
  return inputs;
}

}  // namespace thimble::study
