#include "pipeline/optimize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "compress/prune/mask_weights.h"
#include "data/source.h"
#include "data/validation.h"
#include "deploy/budget.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "deploy/kernel_counts.h"
#include "deploy/package.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "deploy/results_json.h"
#include "deploy/verify.h"
#include "formats/model.h"
#include "pipeline/dry_run.h"
#include "pipeline/evaluate.h"
#include "pipeline/parse_json.h"
#include "pipeline/results_json.h"
#include "pipeline/run_folder.h"

namespace thimble::pipeline {
namespace {

using nlohmann::json;

std::string sha256_of_text(std::string_view text) {
  return sha256(std::as_bytes(std::span<const char>(text)));
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

/// The networks that a stage brings in: its teachers and, last, a distill stage's student. Without teachers
/// in the folder `left_out`, which another stage may have to write first.
std::vector<Graph> others_of(const Stage& stage, const Recipe& recipe, const LoadModel& load_model,
                             const std::filesystem::path& left_out = {}) {
  const auto is_left_out = [&](const std::filesystem::path& path) {
    if (left_out.empty()) return false;
    const auto within =
        std::filesystem::absolute(path).lexically_relative(std::filesystem::absolute(left_out));
    return !within.empty() && *within.begin() != "..";
  };
  std::vector<Graph> others;
  for (const std::string& path : teachers_of(stage)) {
    if (!is_left_out(path)) others.push_back(formats::read_model(path));
  }
  const auto* distill = std::get_if<DistillStage>(&stage);
  if (distill != nullptr && !distill->student.empty())
    others.push_back(load_model(distill->student, recipe.seed));
  return others;
}

/// Whether a stage decides by what is counted on the emulator.
bool counts(const Stage& stage) {
  if (const auto* prune = std::get_if<PruneStage>(&stage))
    return prune->options.measure == prune::Measure::kCycles;
  if (const auto* quantize = std::get_if<QuantizeStage>(&stage))
    return quantize->options.mix && quantize->options.mix->limits.cycles;
  const auto* deploy = std::get_if<DeployStage>(&stage);
  return deploy != nullptr && deploy->count;
}

/// Before hours of training: what the recipe's stages from `first` on compile with and emulate on is there.
void expect_tools(const Recipe& recipe, size_t first, const device::DeviceProfile& device) {
  const bool rounds = std::ranges::any_of(
      recipe.stages, [](const Stage& stage) { return std::holds_alternative<QuantizeStage>(stage); });
  for (const Stage& stage : std::span(recipe.stages).subspan(first)) {
    const bool emulates = std::holds_alternative<VerifyStage>(stage) || counts(stage);
    if (emulates) deploy::expect_emulator(device);
    const auto* profile = std::get_if<ProfileStage>(&stage);
    const bool times_floats = profile != nullptr && (profile->float32 || !rounds);
    if (emulates || profile != nullptr) deploy::expect_tools(device, times_floats);
  }
}

deploy::Budget deploy_budget(const Recipe& recipe, const device::DeviceProfile& device) {
  const auto least = [](uint64_t most, const std::optional<int64_t>& limit) {
    return limit ? std::min(most, static_cast<uint64_t>(*limit)) : most;
  };
  return {.device = device.name,
          .ram_bytes = least(device.ram_bytes.value, recipe.budget.ram_bytes),
          .flash_bytes = least(device.flash_bytes.value, recipe.budget.flash_bytes)};
}

/// One walk through a recipe: the network as it is now, and what the stages share.
class Walk {
 public:
  Walk(const Recipe& recipe, const LoadModel& load_model, const Graph& model,
       const std::filesystem::path& folder, const OptimizeOptions& options, const OptimizeHooks& hooks)
      : recipe_(recipe),
        load_model_(load_model),
        options_(options),
        hooks_(hooks),
        device_(load_device(recipe)),
        run_(folder, {{"name", recipe.name},
                      {"recipe", recipe.text},
                      {"model", recipe.model},
                      {"model_sha256", formats::sha256_of(model)},
                      {"data", recipe.data},
                      {"device", recipe.device},
                      {"device_values", values_of(device_)},
                      {"seed", recipe.seed},
                      {"version", options.version}}),
        network_(model),
        float32_(model) {}

  json walk() {
    if (!options_.command.empty() && !run_.state().contains("command")) run_.set("command", options_.command);
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
      if (!redone_) expect_tools(recipe_, static_cast<size_t>(number_ - 1), device_);
      redone_ = true;
      const bool shares = !options_.cache.empty() && makes_network(stage);
      run_.finish(name, shares ? share(stage) : carry_out(stage));
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
    if (!kept && recipe_.held_out) {
      auto parts = data::split_validation(load(data::Split::kTrain));
      train_set_ = part_of(std::move(parts.training));
      test_set_ = std::move(parts.validation);
    }
    if (!kept) {
      kept = load(split);
      if (split == data::Split::kTrain) kept = part_of(std::move(*kept));
      if (!kept->note.empty()) say("data", fmt::format("{}: {}", recipe_.data, kept->note));
    }
    return *kept;
  }

  /// A split, which is the same that the run's finished stages had.
  data::Dataset load(data::Split split) {
    data::Dataset set = options_.load_data(recipe_.data, split);
    const std::string name = split == data::Split::kTrain ? "training" : "test";
    json known = run_.state().value("data_sha256", json::object());
    const bool is_begun = !run_.state().at("stages").empty();
    if (is_begun && known.value(name, set.sha256) != set.sha256) {
      throw Error(run_.path().string(),
                  fmt::format("holds a run on other {} data: those of '{}' have changed", name, recipe_.data),
                  "Give another folder with -o, or the data as they were");
    }
    if (known.value(name, "") != set.sha256) {
      known[name] = set.sha256;
      run_.set("data_sha256", std::move(known));
    }
    return set;
  }

  data::Dataset part_of(data::Dataset training) const {
    if (recipe_.training_part == 1) return training;
    const auto count = static_cast<size_t>(
        std::max(1.0, std::round(recipe_.training_part * static_cast<double>(training.size()))));
    std::vector<size_t> indices = data::draw_by_class(training, count, Random(recipe_.seed));
    std::sort(indices.begin(), indices.end());
    return data::take_samples(training, indices, data::Split::kTrain);
  }

  json carry_out(const Stage& stage) {
    return std::visit([this](const auto& s) { return carry_out(s); }, stage);
  }

  /// A stage by way of the cache. It has a run's folder there, named for all that decides it: who comes first
  /// works in it, checkpoints and all, and whoever holds its lock next finds it done or goes on with it.
  json share(const Stage& stage) {
    const std::string_view name = name_of(stage);
    const json identity = identity_of(stage);
    RunFolder shared(options_.cache / sha256_of_text(identity.dump()), identity, RunFolder::InUse::kWait);
    if (shared.results(name)) {
      say(name, "done by another run");
    } else {
      place_ = &shared;
      shared.finish(name, carry_out(stage));
      place_ = &run_;
    }
    json results = run_.adopt(shared, name, model_file(name));
    take_up(results);
    return results;
  }

  /// All that decides what a stage makes of the network as it is now.
  json identity_of(const Stage& stage) {
    json identity = {{"stage", recipe_.stage_texts[static_cast<size_t>(number_ - 1)]},
                     {"model_sha256", formats::sha256_of(network_)},
                     {"data_sha256", dataset(data::Split::kTrain).sha256},
                     {"test_sha256", dataset(data::Split::kTest).sha256},
                     {"seed", recipe_.seed},
                     {"version", options_.version}};
    if (recipe_.held_out) identity["held_out"] = true;
    if (recipe_.training_part != 1) identity["training_part"] = recipe_.training_part;
    for (const Graph& other : others_of(stage))
      identity["others_sha256"].push_back(formats::sha256_of(other));
    if (!std::holds_alternative<TrainStage>(stage) && !std::holds_alternative<DistillStage>(stage)) {
      identity["device_values"] = values_of(device_);
    }
    return identity;
  }

  /// The networks that a stage brings in, which are the same that the run's finished stages had.
  std::vector<Graph> others_of(const Stage& stage) {
    std::vector<Graph> others = pipeline::others_of(stage, recipe_, load_model_);
    std::vector<std::string> names = teachers_of(stage);
    const auto* distill = std::get_if<DistillStage>(&stage);
    if (distill != nullptr && !distill->student.empty()) names.push_back(distill->student);
    const json before = run_.state().value("others_sha256", json::object());
    json known = before;
    const bool is_begun = !run_.state().at("stages").empty();
    for (size_t i = 0; i < others.size(); ++i) {
      const std::string sha256 = formats::sha256_of(others[i]);
      if (is_begun && known.value(names[i], sha256) != sha256) {
        throw Error(run_.path().string(),
                    fmt::format("holds a run with another {}, which has changed since", names[i]),
                    "Put it back as it was, or give another folder with -o");
      }
      known[names[i]] = sha256;
    }
    if (known != before) run_.set("others_sha256", std::move(known));
    return others;
  }

  /// The networks that teach in a stage, for its results.
  static json teachers_json(const std::vector<std::string>& paths, std::span<const Graph> teaching) {
    json teachers = json::array();
    for (size_t i = 0; i < teaching.size(); ++i) {
      teachers.push_back({{"model", i < paths.size() ? paths[i] : "the network before it"},
                          {"sha256", formats::sha256_of(teaching[i])}});
    }
    return teachers;
  }

  /// What a stage trains with, if it trains, on this run's threads and with the stage's teachers.
  void prepare_training(const Stage& stage, std::optional<train::TrainOptions>& training) {
    if (!training) return;
    training->threads = options_.threads;
    training->distillation.teachers = others_of(stage);
  }

  std::string model_file(std::string_view stage) const { return fmt::format("{}-{}.onnx", number_, stage); }

  /// What a stage that is done left for the later ones.
  void take_up(const json& results) {
    if (!results.contains("model")) return;
    network_ = run_.read_model(results["model"].get<std::string>());
    if (!is_quantized(network_)) float32_ = network_;
  }

  /// Keeps the network as the stage's model and measures it on the whole test split, or what was held out.
  json keep_and_evaluate(std::string_view stage, const Graph& graph) {
    const std::string file = model_file(stage);
    network_ = place_->keep_model(graph, file);
    const Evaluation evaluation =
        evaluate(network_, dataset(data::Split::kTest), options_.threads, hooks_.progress);
    json results = {{"model", file},
                    {"sha256", place_->sha256_of(file)},
                    {"parameters", parameter_count(network_)},
                    {"macs", mac_count(network_)},
                    {"weights_bytes", weight_bytes(network_)},
                    {"test", to_json(evaluation)}};
    json line = {
        {"stage", stage}, {"test_accuracy", evaluation.accuracy}, {"test_samples", evaluation.samples}};
    if (recipe_.held_out) results["held_out"] = line["held_out"] = true;
    place_->add_metrics(line);
    say(stage, fmt::format("{}: accuracy {} on {} {} samples", file, percent(evaluation.accuracy),
                           grouped(evaluation.samples), recipe_.held_out ? "held-out" : "test"));
    return results;
  }

  /// Progress, STAGE.checkpoint and a line of metrics an epoch, for a stage that trains once.
  train::TrainHooks training_hooks(std::string_view stage) const {
    train::TrainHooks hooks;
    hooks.progress = hooks_.progress;
    hooks.checkpoint = place_->path() / fmt::format("{}.checkpoint", stage);
    hooks.on_epoch = [this, stage](const train::EpochMetrics& metrics) {
      json line = to_json(metrics);
      line["stage"] = stage;
      place_->add_metrics(line);
    };
    return hooks;
  }

  json carry_out(const TrainStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    expect_fits(network_, data);
    train::TrainOptions train_options = stage.options;
    train_options.threads = options_.threads;
    const Graph trained = train::train(network_, data, train_options, training_hooks(TrainStage::kName));
    json results = keep_and_evaluate(TrainStage::kName, trained);
    float32_ = network_;
    return results;
  }

  json carry_out(const PruneStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    expect_fits(network_, data);
    prune::PruneOptions prune_options = stage.options;
    prune_options.threads = options_.threads;
    prepare_training(stage, prune_options.recovery);
    prune::PruneHooks prune_hooks;
    prune_hooks.progress = hooks_.progress;
    prune_hooks.checkpoint = place_->path() / "prune.checkpoint";
    int step = 0;
    prune_hooks.on_step = [this, &step](std::string_view line) {
      ++step;
      say(PruneStage::kName, line);
    };
    prune_hooks.on_epoch = [this, &step](const train::EpochMetrics& metrics) {
      json line = to_json(metrics);
      line["stage"] = PruneStage::kName;
      line["step"] = step;
      place_->add_metrics(line);
    };
    const Graph pruned = prune::prune(network_, data, &device_, prune_options, prune_hooks);
    json results = keep_and_evaluate(PruneStage::kName, pruned);
    const prune::Sparsity sparsity = prune::sparsity_of(network_);
    if (!stage.teachers.empty())
      results["teachers"] = teachers_json(stage.teachers, prune_options.recovery->distillation.teachers);
    results["weights"] = sparsity.weights;
    results["zero_weights"] = sparsity.zeros;
    float32_ = network_;
    return results;
  }

  json carry_out(const RedesignStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    expect_fits(network_, data);
    redesign::RedesignOptions redesign_options = stage.options;
    prepare_training(stage, redesign_options.recovery);
    const Graph network =
        redesign::redesign(network_, data, redesign_options, training_hooks(RedesignStage::kName));
    say(RedesignStage::kName,
        fmt::format("{} MACs, {} before; {} parameters, {} before", grouped(mac_count(network)),
                    grouped(mac_count(network_)), grouped(parameter_count(network)),
                    grouped(parameter_count(network_))));
    json results = keep_and_evaluate(RedesignStage::kName, network);
    if (!stage.teachers.empty())
      results["teachers"] = teachers_json(stage.teachers, redesign_options.recovery->distillation.teachers);
    float32_ = network_;
    return results;
  }

  json carry_out(const DistillStage& stage) {
    const data::Dataset& data = dataset(data::Split::kTrain);
    train::TrainOptions train_options = stage.options;
    train_options.threads = options_.threads;
    std::vector<Graph>& teaching = train_options.distillation.teachers;
    teaching = others_of(stage);
    Graph student = network_;
    if (!stage.student.empty()) std::swap(student, teaching.back());
    expect_fits(student, data);
    const json teachers = teachers_json(stage.teachers, teaching);
    json results = keep_and_evaluate(
        DistillStage::kName, train::train(student, data, train_options, training_hooks(DistillStage::kName)));
    results["teachers"] = teachers;
    if (!stage.student.empty()) results["student"] = stage.student;
    float32_ = network_;
    return results;
  }

  json carry_out(const QuantizeStage& stage) {
    quantize::Options quantize_options = stage.options;
    quantize_options.post_training.threads = options_.threads;
    if (quantize_options.mix && quantize_options.mix->limits.cycles) quantize_options.mix->device = device_;
    prepare_training(stage, quantize_options.training);
    const quantize::Result result = quantize::quantize(
        network_, dataset(data::Split::kTrain), quantize_options, training_hooks(QuantizeStage::kName));
    json results = keep_and_evaluate(QuantizeStage::kName, result.integer);
    results["calibration"] = result.integer.metadata.at("calibration");
    results["quantization"] = to_json(result);
    if (!stage.teachers.empty())
      results["teachers"] = teachers_json(stage.teachers, quantize_options.training->distillation.teachers);
    std::set<std::string_view> types;
    for (const Node& node : network_.nodes) {
      if (has_weights(node.op)) types.insert(name_of(network_.tensor(node.inputs[1]).type));
    }
    results["weight_types"] = types;
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
    json results = deploy::to_json(verification);
    if (recipe_.held_out) results["held_out"] = true;
    return results;
  }

  json carry_out(const ProfileStage& stage) {
    const auto profile_of = [&](const Graph& network) {
      return kept_profile(network, device_, test_inputs(network, 1).front(), options_, counts_cache(recipe_));
    };
    const json deployed = profile_of(network_);
    json results = {{"deployed", deployed}};
    const bool is_counted = deployed.at("instructions").is_number();
    const bool is_timed = deployed.at("latency_ms").is_number();
    std::string line = fmt::format(
        "{} instructions, {}", is_counted ? grouped(deployed["instructions"].get<uint64_t>()) : "?",
        is_timed
            ? fmt::format("{:.2f} ms ({:.2f} to {:.2f})", deployed["latency_ms"].get<double>(),
                          deployed["latency_low_ms"].get<double>(), deployed["latency_high_ms"].get<double>())
            : "latency not known");
    if (stage.float32 && is_quantized(network_) && !is_quantized(float32_)) {
      const json baseline = profile_of(float32_);
      results["float32"] = baseline;
      const auto cycles = [](const json& profile) {
        return profile.at("cycles").is_number() ? profile["cycles"].get<double>() : 0.0;
      };
      if (cycles(deployed) > 0 && cycles(baseline) > 0) {
        const double speedup = cycles(baseline) / cycles(deployed);
        results["speedup"] = speedup;
        line += fmt::format(", {:.2f} times faster than float32", speedup);
      }
    }
    say(ProfileStage::kName, line);
    return results;
  }

  /// Inputs for `graph` from what is measured on, evenly over the classes.
  std::vector<std::vector<std::byte>> test_inputs(const Graph& graph, size_t count) {
    const data::Dataset& data = dataset(data::Split::kTest);
    std::vector<std::vector<std::byte>> inputs;
    for (const size_t index : data::draw_by_class(data, count, Random(recipe_.seed))) {
      inputs.push_back(sample_bytes(graph, data, index));
    }
    return inputs;
  }

  deploy::GeneratedC generate(const Graph& graph, const deploy::Budget& budget) {
    return deploy::write_c(graph, deploy::schedule_for(graph, device_, counts_cache(recipe_)),
                           {.prefix = "",
                            .core = device_.core.value,
                            .budget = budget,
                            .class_names = dataset(data::Split::kTest).class_names});
  }

  deploy::Budget deploy_budget() const { return pipeline::deploy_budget(recipe_, device_); }

  /// A row a limit of the recipe.
  json check_budget() const {
    json rows = json::array();
    const auto figure = [&](std::string_view stage, const json::json_pointer& path) -> std::optional<double> {
      const auto results = run_.results(stage);
      if (!results || !results->contains(path) || !results->at(path).is_number()) return std::nullopt;
      return results->at(path).get<double>();
    };
    const auto profiled = run_.results(ProfileStage::kName);
    const std::string no_stage = "the recipe has no stage for it";
    const std::string no_figure =
        profiled ? profiled->at("deployed").value("why", "the device has no figure for it") : no_stage;
    const auto add = [&](const char* name, std::optional<double> allowed, std::optional<double> measured,
                         bool at_least, const std::function<std::string(double)>& text) {
      const std::string& why = at_least ? no_stage : no_figure;
      if (!allowed) return;
      const bool met = measured && (at_least ? *measured >= *allowed : *measured <= *allowed);
      rows.push_back({{"limit", name},
                      {"allowed", fmt::format("{} {}", at_least ? "at least" : "at most", text(*allowed))},
                      {"measured", measured ? text(*measured) : fmt::format("not measured ({})", why)},
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
    // What the device has binds what is measured; what the recipe limits has to be measured.
    const auto add_memory = [&](const char* name, const auto& own, uint64_t most, const auto& path) {
      const std::optional<double> measured = figure(ProfileStage::kName, path);
      add(name, measured ? std::optional(static_cast<double>(most)) : limit(own), measured, false, bytes);
    };
    add_memory("RAM", budget.ram_bytes, deploy_budget().ram_bytes, "/deployed/ram_bytes"_json_pointer);
    add_memory("flash", budget.flash_bytes, deploy_budget().flash_bytes,
               "/deployed/flash_bytes"_json_pointer);
    add("latency", budget.latency_ms, figure(ProfileStage::kName, "/deployed/latency_ms"_json_pointer), false,
        [](double ms) { return fmt::format("{:.2f} ms", ms); });
    add("energy", budget.energy_uj, figure(ProfileStage::kName, "/deployed/energy_uj"_json_pointer), false,
        [](double uj) { return fmt::format("{:.1f} uJ", uj); });
    return rows;
  }

  const Recipe& recipe_;
  const LoadModel& load_model_;
  const OptimizeOptions& options_;
  const OptimizeHooks& hooks_;
  device::DeviceProfile device_;
  RunFolder run_;
  RunFolder* place_ = &run_;  ///< where the stage at hand works: the run's folder, or its own in the cache
  Graph network_;
  Graph float32_;  ///< the network before it was quantized
  std::optional<data::Dataset> train_set_;
  std::optional<data::Dataset> test_set_;
  int number_ = 0;       ///< of the stage
  bool redone_ = false;  ///< whether a stage was carried out in this walk
};

}  // namespace

std::filesystem::path counts_cache(const Recipe& recipe) {
  const bool counts = std::ranges::any_of(recipe.stages, [](const Stage& stage) {
    const auto* deploy = std::get_if<DeployStage>(&stage);
    return deploy != nullptr && deploy->count;
  });
  return counts ? data::cache_folder("counts") : std::filesystem::path();
}

nlohmann::json kept_profile(const Graph& network, const device::DeviceProfile& device,
                            std::span<const std::byte> sample, const OptimizeOptions& options,
                            const std::filesystem::path& counts_cache) {
  const Graph graph = deploy::prepare(network);
  const deploy::GeneratedC program = deploy::write_c(graph, deploy::schedule_for(graph, device, counts_cache),
                                                     {.prefix = "", .core = device.core.value});
  const auto profile = [&] { return deploy::to_json(deploy::profile(graph, program, device, sample)); };
  if (options.cache.empty()) return profile();
  const json identity = {{"profile_of", program.sha256()},
                         {"device", device.name},
                         {"device_values", values_of(device)},
                         {"sample_sha256", sha256(sample)},
                         {"version", options.version}};
  const std::filesystem::path path = options.cache / (sha256_of_text(identity.dump()) + ".json");
  if (std::filesystem::exists(path)) {
    const json kept = parse_json(read_text(path));
    if (kept.is_object() && kept.value("identity", json()) == identity) return kept.at("profile");
  }
  const json result = {{"identity", identity}, {"profile", profile()}};
  write_file_atomically(path, deploy::text_of(result) + "\n");
  return result.at("profile");
}

void expect_possible(const Recipe& recipe, const Graph& model, const LoadModel& load_model,
                     const std::filesystem::path& left_out) {
  const device::DeviceProfile device = load_device(recipe);
  expect_tools(recipe, 0, device);
  expect_possible(recipe, model, device, deploy_budget(recipe, device),
                  [&](const Stage& stage) { return others_of(stage, recipe, load_model, left_out); });
}

nlohmann::json optimize(const Recipe& recipe, const LoadModel& load_model,
                        const std::filesystem::path& folder, const OptimizeOptions& options,
                        const OptimizeHooks& hooks) {
  const Graph model = load_model(recipe.model, recipe.seed);
  // Before anything is done, a folder made among it.
  if (!holds_run(folder) || read_run(folder)["stages"].empty())
    expect_possible(recipe, model, load_model, folder);
  return Walk(recipe, load_model, model, folder, options, hooks).walk();
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
