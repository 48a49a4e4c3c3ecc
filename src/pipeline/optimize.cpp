#include "pipeline/optimize.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "deploy/budget.h"
#include "deploy/c_writer.h"
#include "deploy/package.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "deploy/results_json.h"
#include "deploy/verify.h"
#include "formats/model.h"
#include "formats/onnx/onnx.h"
#include "pipeline/evaluate.h"
#include "pipeline/results_json.h"
#include "pipeline/run_folder.h"

namespace thimble::pipeline {
namespace {

using nlohmann::json;

std::string sha256_of_model(const Graph& model) {
  const std::string file = onnx::to_onnx(model);
  return sha256(std::as_bytes(std::span<const char>(file)));
}

device::DeviceProfile load_device(const Recipe& recipe) {
  if (!recipe.device.empty()) return device::load_device(recipe.device);
  throw Error(fmt::format("Recipe '{}'", recipe.name), "names no device to optimize for",
              "Add device = \"nano33ble\", say; or train alone: thimble train --recipe FILE");
}

/// Every value of a device, so that a run knows when its profile was edited.
json values_of(const device::DeviceProfile& device) {
  json values;
  for (const device::ProfileLine& line : device::describe(device)) values[line.key] = line.value;
  return values;
}

/// One walk through a recipe: the network as it is now, and what the stages share.
class Walk {
 public:
  Walk(const Recipe& recipe, const Graph& model, const std::filesystem::path& folder,
       const OptimizeOptions& options, const OptimizeHooks& hooks)
      : recipe_(recipe),
        options_(options),
        hooks_(hooks),
        device_(load_device(recipe)),
        run_(folder, {{"name", recipe.name},
                      {"recipe", recipe.text},
                      {"model", recipe.model},
                      {"model_sha256", sha256_of_model(model)},
                      {"data", recipe.data},
                      {"device", recipe.device},
                      {"device_values", values_of(device_)},
                      {"seed", recipe.seed},
                      {"version", options.version}}),
        network_(model),
        float32_(model) {}

  json walk() {
    for (const Stage& stage : recipe_.stages) {
      const std::string_view name = name_of(stage);
      ++number_;
      // Once a stage is done again, what later ones made of its old result no longer counts.
      const auto done = redone_ ? std::nullopt : run_.results(name);
      if (done) {
        take_up(*done);
        say(name, "done before");
        continue;
      }
      redone_ = true;
      json results = std::visit([this](const auto& s) { return carry_out(s); }, stage);
      run_.finish(name, std::move(results));
    }
    run_.set("budget", check_budget());
    return run_.state();
  }

 private:
  void say(std::string_view stage, std::string_view text) const {
    if (hooks_.on_stage) hooks_.on_stage(fmt::format("{:<9} {}", stage, text));
  }

  const data::Dataset& dataset(data::Split split) {
    std::optional<data::Dataset>& kept = split == data::Split::kTrain ? train_set_ : test_set_;
    if (!kept) {
      kept = data::load(recipe_.data, split);
      if (!kept->note.empty()) say("data", fmt::format("{}: {}", recipe_.data, kept->note));
    }
    return *kept;
  }

  /// What a stage that is done left for the later ones.
  void take_up(const json& results) {
    if (!results.contains("model")) return;
    network_ = run_.read_model(results["model"].get<std::string>());
    if (!is_quantized(network_)) float32_ = network_;
  }

  /// Keeps the network as the stage's model and measures it on the whole test split.
  json keep_and_evaluate(std::string_view stage, const Graph& graph) {
    const std::string file = fmt::format("{}-{}.onnx", number_, stage);
    network_ = run_.keep_model(graph, file);
    const Evaluation evaluation =
        evaluate(network_, dataset(data::Split::kTest), options_.threads, hooks_.progress);
    json results = {{"model", file},
                    {"sha256", run_.sha256_of(file)},
                    {"parameters", parameter_count(network_)},
                    {"macs", mac_count(network_)},
                    {"weights_bytes", weight_bytes(network_)},
                    {"test", to_json(evaluation)}};
    run_.add_metrics(
        {{"stage", stage}, {"test_accuracy", evaluation.accuracy}, {"test_samples", evaluation.samples}});
    say(stage, fmt::format("{}: accuracy {} on {} test samples", file, percent(evaluation.accuracy),
                           grouped(evaluation.samples)));
    return results;
  }

  json carry_out(const TrainStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    expect_fits(network_, data);
    train::TrainOptions train_options = stage.options;
    train_options.threads = options_.threads;
    train::TrainHooks train_hooks;
    train_hooks.progress = hooks_.progress;
    train_hooks.checkpoint = run_.path() / "train.checkpoint";
    train_hooks.on_epoch = [this](const train::EpochMetrics& metrics) { run_.add_metrics(to_json(metrics)); };
    const Graph trained = train::train(network_, data, train_options, train_hooks);
    json results = keep_and_evaluate(TrainStage::kName, trained);
    results["data_sha256"] = data.sha256;
    float32_ = network_;
    return results;
  }

  json carry_out(const PruneStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    expect_fits(network_, data);
    prune::PruneOptions prune_options = stage.options;
    if (prune_options.recovery) prune_options.recovery->threads = options_.threads;
    prune::PruneHooks prune_hooks;
    prune_hooks.progress = hooks_.progress;
    prune_hooks.checkpoint = run_.path() / "prune.checkpoint";
    prune_hooks.on_step = [this](std::string_view line) { say(PruneStage::kName, line); };
    const Graph pruned = prune::prune(network_, data, &device_, prune_options, prune_hooks);
    json results = keep_and_evaluate(PruneStage::kName, pruned);
    float32_ = network_;
    return results;
  }

  json carry_out(const DistillStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    expect_fits(network_, data);
    train::TrainOptions train_options = stage.options;
    train_options.threads = options_.threads;
    json teachers = json::array();
    for (const std::string& path : stage.teachers) {
      train_options.distillation.teachers.push_back(formats::read_model(path));
      teachers.push_back(
          {{"model", path}, {"sha256", sha256_of_model(train_options.distillation.teachers.back())}});
    }
    train::TrainHooks train_hooks;
    train_hooks.progress = hooks_.progress;
    train_hooks.checkpoint = run_.path() / "distill.checkpoint";
    train_hooks.on_epoch = [this](const train::EpochMetrics& metrics) {
      json line = to_json(metrics);
      line["stage"] = DistillStage::kName;
      run_.add_metrics(line);
    };
    json results =
        keep_and_evaluate(DistillStage::kName, train::train(network_, data, train_options, train_hooks));
    results["teachers"] = teachers;
    float32_ = network_;
    return results;
  }

  json carry_out(const QuantizeStage& stage) {
    quantize::Options quantize_options = stage.options;
    quantize_options.post_training.threads = options_.threads;
    if (quantize_options.mix && quantize_options.mix->limits.cycles) quantize_options.mix->device = device_;
    train::TrainHooks train_hooks;
    train_hooks.progress = hooks_.progress;
    train_hooks.checkpoint = run_.path() / "quantize.checkpoint";
    train_hooks.on_epoch = [this](const train::EpochMetrics& metrics) {
      json row = to_json(metrics);
      row["stage"] = QuantizeStage::kName;
      run_.add_metrics(row);
    };
    if (quantize_options.training) quantize_options.training->threads = options_.threads;
    const quantize::Result result =
        quantize::quantize(network_, dataset(data::Split::kTrain), quantize_options, train_hooks);
    json results = keep_and_evaluate(QuantizeStage::kName, result.integer);
    results["calibration"] = result.integer.metadata.at("calibration");
    results["quantization"] = to_json(result);
    return results;
  }

  json carry_out(const DeployStage&) {
    const deploy::Budget budget = deploy_budget();
    const Graph graph = deploy::prepare(network_);
    const deploy::GeneratedC generated = generate(graph, budget);
    deploy::check_fits(graph, generated, budget);
    deploy::write_package(generated, run_.path() / "deploy");
    say(DeployStage::kName,
        fmt::format("deploy/: arena {} B (lower bound {} B), weights {} B", grouped(generated.arena_bytes),
                    grouped(generated.plan.lower_bound_bytes), grouped(generated.weights_bytes)));
    json files = json::object();
    for (const deploy::GeneratedFile& file : deploy::package_files(generated)) {
      const std::string path = "deploy/" + file.name;
      files[path] = run_.sha256_of(path);
    }
    return {{"folder", "deploy"},
            {"files", files},
            {"arena_bytes", generated.arena_bytes},
            {"arena_lower_bound_bytes", generated.plan.lower_bound_bytes},
            {"weights_bytes", generated.weights_bytes}};
  }

  json carry_out(const VerifyStage& stage) {
    const Graph graph = deploy::prepare(network_);
    // The program of the deploy stage: the same graph and options give the same bytes.
    const deploy::Verification verification = deploy::verify(
        graph, generate(graph, deploy_budget()), device_, test_inputs(graph, stage.samples), hooks_.progress);
    say(VerifyStage::kName, fmt::format("{} samples, {} bytes compared, {} differ", verification.samples,
                                        grouped(verification.bytes_compared), verification.mismatches));
    if (verification.mismatches > 0) {
      throw Error(recipe_.name, deploy::describe_mismatch(verification),
                  "This is a defect of Thimble or of the compiler: please report it with the model",
                  ExitCode::kVerification);
    }
    return deploy::to_json(verification);
  }

  json carry_out(const ProfileStage&) {
    const auto profile_of = [&](const Graph& graph) {
      return deploy::profile(graph, device_, test_inputs(graph, 1).front());
    };
    const deploy::Profile deployed = profile_of(deploy::prepare(network_));
    json results = {{"deployed", deploy::to_json(deployed)}};
    std::string line = fmt::format("{} instructions, {:.2f} ms",
                                   deployed.instructions ? grouped(*deployed.instructions) : "?",
                                   deployed.latency ? deployed.latency->latency_ms : 0.0);
    if (is_quantized(network_) && !is_quantized(float32_)) {
      const deploy::Profile baseline = profile_of(deploy::prepare(float32_));
      results["float32"] = deploy::to_json(baseline);
      if (deployed.cycles && baseline.cycles && *deployed.cycles > 0) {
        const double speedup = static_cast<double>(*baseline.cycles) / static_cast<double>(*deployed.cycles);
        results["speedup"] = speedup;
        line += fmt::format(", {:.2f} times faster than float32", speedup);
      }
    }
    say(ProfileStage::kName, line);
    return results;
  }

  /// Inputs for `graph` from the test split, evenly over the classes.
  std::vector<std::vector<std::byte>> test_inputs(const Graph& graph, size_t count) {
    const data::Dataset& data = dataset(data::Split::kTest);
    std::vector<std::vector<std::byte>> inputs;
    for (const size_t index : data::draw_by_class(data, count, Random(recipe_.seed))) {
      inputs.push_back(sample_bytes(graph, data, index));
    }
    return inputs;
  }

  deploy::GeneratedC generate(const Graph& graph, const deploy::Budget& budget) {
    return deploy::write_c(graph, {.prefix = "",
                                   .core = device_.core.value,
                                   .budget = budget,
                                   .class_names = dataset(data::Split::kTest).class_names});
  }

  deploy::Budget deploy_budget() const {
    const auto least = [](uint64_t device, const std::optional<int64_t>& limit) {
      return limit ? std::min(device, static_cast<uint64_t>(*limit)) : device;
    };
    return {.device = device_.name,
            .ram_bytes = least(device_.ram_bytes.value, recipe_.budget.ram_bytes),
            .flash_bytes = least(device_.flash_bytes.value, recipe_.budget.flash_bytes)};
  }

  /// A row a limit of the recipe.
  json check_budget() const {
    json rows = json::array();
    const auto figure = [&](std::string_view stage, const json::json_pointer& path) -> std::optional<double> {
      const auto results = run_.results(stage);
      if (!results || !results->contains(path) || !results->at(path).is_number()) return std::nullopt;
      return results->at(path).get<double>();
    };
    const auto add = [&](const char* name, std::optional<double> allowed, std::optional<double> measured,
                         bool at_least, const std::function<std::string(double)>& text) {
      if (!allowed) return;
      const bool met = measured && (at_least ? *measured >= *allowed : *measured <= *allowed);
      rows.push_back(
          {{"limit", name},
           {"allowed", fmt::format("{} {}", at_least ? "at least" : "at most", text(*allowed))},
           {"measured", measured ? text(*measured) : "not measured (the recipe has no stage for it)"},
           {"met", met}});
    };
    const auto bytes = [](double value) { return grouped(static_cast<uint64_t>(value)) + " B"; };
    const auto limit = [](const auto& value) -> std::optional<double> {
      return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
    };
    const Budget& budget = recipe_.budget;
    // The last network that was measured is the one that is deployed.
    std::optional<double> accuracy;
    for (const Stage& stage : recipe_.stages) {
      if (const auto found = figure(name_of(stage), "/test/accuracy"_json_pointer)) accuracy = found;
    }
    add("accuracy", budget.accuracy, accuracy, true, percent);
    add("RAM", limit(std::optional(deploy_budget().ram_bytes)),
        figure(ProfileStage::kName, "/deployed/ram_bytes"_json_pointer), false, bytes);
    add("flash", limit(std::optional(deploy_budget().flash_bytes)),
        figure(ProfileStage::kName, "/deployed/flash_bytes"_json_pointer), false, bytes);
    add("latency", budget.latency_ms, figure(ProfileStage::kName, "/deployed/latency_ms"_json_pointer), false,
        [](double ms) { return fmt::format("{:.2f} ms", ms); });
    add("energy", budget.energy_uj, figure(ProfileStage::kName, "/deployed/energy_uj"_json_pointer), false,
        [](double uj) { return fmt::format("{:.1f} uJ", uj); });
    return rows;
  }

  const Recipe& recipe_;
  const OptimizeOptions& options_;
  const OptimizeHooks& hooks_;
  device::DeviceProfile device_;
  RunFolder run_;
  Graph network_;
  Graph float32_;  ///< the network before it was quantized
  std::optional<data::Dataset> train_set_;
  std::optional<data::Dataset> test_set_;
  int number_ = 0;       ///< of the stage
  bool redone_ = false;  ///< whether a stage was carried out in this walk
};

}  // namespace

nlohmann::json optimize(const Recipe& recipe, const Graph& model, const std::filesystem::path& folder,
                        const OptimizeOptions& options, const OptimizeHooks& hooks) {
  return Walk(recipe, model, folder, options, hooks).walk();
}

void expect_within_budget(const nlohmann::json& run) {
  for (const json& limit : run.at("budget")) {
    if (limit.at("met").get<bool>()) continue;
    const std::string name = limit.at("limit").get<std::string>();
    throw Error(run.at("identity").at("name").get<std::string>(),
                fmt::format("does not meet its budget: {} is {}, allowed {}", name,
                            limit.at("measured").get<std::string>(), limit.at("allowed").get<std::string>()),
                name == "accuracy" ? "Train longer, take a larger network, or relax that limit"
                                   : "Take a smaller network, or relax that limit",
                ExitCode::kBudget);
  }
}

}  // namespace thimble::pipeline
