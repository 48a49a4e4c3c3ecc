#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "cli/changed_network.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/model_budget.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "compress/prune/int8_profile.h"
#include "compress/prune/mask_weights.h"
#include "compress/prune/prune.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"

namespace thimble::cli {
namespace {

struct Figure {
  const char* key;
  const char* name;
  std::optional<uint64_t> before, after;
};

std::vector<Figure> figures_of(const deploy::Profile& before, const deploy::Profile& after) {
  return {{"weights_bytes", "weights, every one stored", before.weights_bytes, after.weights_bytes},
          {"cycles", "cycles, estimated", before.cycles, after.cycles},
          {"ram_bytes", "RAM in all", before.ram_bytes, after.ram_bytes},
          {"flash_bytes", "flash (code + weights)", before.flash_bytes, after.flash_bytes}};
}

/// What the device really saves, as int8; also into `results`.
std::string savings(const Graph& before, const Graph& after, const data::Dataset& dataset,
                    const device::DeviceProfile& device, nlohmann::json& results) {
  const deploy::Profile was = prune::int8_profile(before, dataset, device);
  const deploy::Profile is = prune::int8_profile(after, dataset, device);
  Table table({fmt::format("int8 on {}", device.name), "before", "after", "saved"});
  nlohmann::json rows = {{"name", device.name}};
  for (const Figure& figure : figures_of(was, is)) {
    const bool is_known = figure.before && figure.after;
    rows[figure.key] =
        is_known ? nlohmann::json{{"before", *figure.before}, {"after", *figure.after}} : nlohmann::json();
    if (!is_known) continue;
    const double part = 1 - static_cast<double>(*figure.after) / static_cast<double>(*figure.before);
    table.add(
        {figure.name, grouped(*figure.before), grouped(*figure.after), fmt::format("{:.1f} %", 100 * part)});
  }
  if (!is.why.empty()) rows["why"] = is.why;
  results["device"] = rows;
  return table.text() + (is.why.empty() ? "" : wrapped(is.why) + "\n");
}

}  // namespace

void add_prune(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string device_name;
  static std::string output;
  static std::string granularity = "filter";
  static std::string criterion = "l2";
  static std::string ranking = "local";
  static std::string measure = "macs";
  static prune::PruneOptions options;
  static RecoveryFlags recovery;
  static bool gradual = false;
  static std::vector<std::string> limits;
  CLI::App* verb = add_verb(program, "prune", "remove the least important channels or weights", "",
                            "thimble prune float.onnx --data mnist --epochs 3 -o half.onnx", common);
  verb->add_option("MODEL", model, "a float32 model")->required()->option_text(" ");
  verb->add_option("-o,--output", output, "OUT.onnx")->required()->option_text("PATH (required)");
  verb->add_option("--keep", options.select.keep, "the part that stays, at most")->option_text("PART [0.5]");
  verb->add_option("--of", measure, "macs, parameters, or cycles on --device")
      ->check(CLI::IsMember({"macs", "parameters", "cycles"}))
      ->option_text("[macs]");
  verb->add_option("--granularity", granularity,
                   "filter, channel; or zeros that stay in place:\nkernel, block-1x4, block-4x1, weight")
      ->check(CLI::IsMember({"filter", "channel", "kernel", "block-1x4", "block-4x1", "weight"}))
      ->option_text("[filter]");
  verb->add_option("--criterion", criterion, "l1, l2, norm-scale, taylor, loss, fpgm, random")
      ->check(CLI::IsMember({"l1", "l2", "norm-scale", "taylor", "loss", "fpgm", "random"}))
      ->option_text("[l2]");
  verb->add_option("--ranking", ranking, "local, global, or per-cost (importance per saving)")
      ->check(CLI::IsMember({"local", "global", "per-cost"}))
      ->option_text("[local]");
  verb->add_option("--multiple", options.select.multiple, "what is cut keeps a multiple of it")
      ->check(CLI::Range(1, 1024))
      ->option_text("N [1]");
  verb->add_option("--least", options.select.least, "the part of each layer that stays")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("PART [0.1]");
  verb->add_option("--data", data_name, "to recover on, for taylor, loss and --device")->option_text("NAME");
  verb->add_option("--device", device_name, "counts what is saved, as int8; of the budget")
      ->option_text("NAME");
  verb->add_option("--steps", options.steps, "in so many steps, recovering after each")
      ->check(CLI::Range(1, 1000))
      ->option_text("N [1]");
  verb->add_flag("--gradual", gradual, "large steps first, small ones last");
  add_recovery(*verb, recovery, "after each step");
  add_budget_option(*verb, limits);
  verb->callback([] {
    const ModelBudget budget(limits, device_name);
    budget.expect_measurable(data_name);
    options.granularity = prune::granularity_named(granularity);
    options.criterion = prune::criterion_named(criterion);
    options.select.ranking = prune::ranking_named(ranking);
    options.measure = prune::measure_named(measure);
    options.schedule = gradual ? prune::Steps::kGradual : prune::Steps::kEven;
    options.seed = common.seed;
    options.threads = common.threads;
    options.distill = recovery.distill;
    options.recovery = recovery_of(common, recovery, data_name);
    formats::expect_model_name(output);
    expect_writable(output);
    const Graph graph = load_model(model, common.seed);
    std::optional<device::DeviceProfile> device;
    if (!device_name.empty()) device = device::load_device(device_name);
    if (device && data_name.empty() && limits.empty()) {
      throw Error("--device", "counts the int8 network, which needs --data to find its ranges",
                  "Name a data set, or leave --device out", ExitCode::kUsage);
    }
    if (data_name.empty() && options.steps > 1) {
      throw Error("--steps", "needs --data: a step begins with what recovered, or is ranked anew, on it",
                  "Name a data set, or leave --steps out", ExitCode::kUsage);
    }
    Graph pruned;
    nlohmann::json results = nlohmann::json::object();
    std::string text;
    if (data_name.empty()) {
      pruned = prune::prune_without_data(graph, options);
      formats::write_model(pruned, output);
    } else {
      const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
      pipeline::expect_fits(graph, dataset);
      prune::PruneHooks hooks;
      hooks.progress = common.progress();
      hooks.checkpoint = output + ".checkpoint";
      if (!common.quiet) hooks.on_step = [](std::string_view line) { tell(fmt::format("{}\n", line)); };
      pruned = prune::prune(graph, dataset, device ? &*device : nullptr, options, hooks);
      formats::write_model(pruned, output);
      for (int step = 1; options.recovery && step <= options.steps; ++step) {
        std::filesystem::remove(fmt::format("{}.{}", hooks.checkpoint.string(), step));
      }
      if (device) text = savings(graph, pruned, dataset, *device, results) + "\n";
    }
    if (prune::is_mask(options.granularity)) {
      const prune::Sparsity sparsity = prune::sparsity_of(pruned);
      results["weights"] = sparsity.weights;
      results["zero_weights"] = sparsity.zeros;
      text += wrapped(fmt::format("{} of {} weights are zero, {}; they are stored and computed with.",
                                  grouped(sparsity.zeros), grouped(sparsity.weights),
                                  percent(static_cast<double>(sparsity.zeros) /
                                          static_cast<double>(std::max(sparsity.weights, size_t{1}))))) +
              "\n";
    }
    results["granularity"] = granularity;
    const auto accuracy = print_change(common, output, graph, pruned, data_name, std::move(results), text);
    budget.check(pruned, output, common.seed, accuracy, "It was written");
  });
}

}  // namespace thimble::cli
