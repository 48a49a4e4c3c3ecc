#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/model_budget.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "pipeline/evaluate.h"
#include "pipeline/fit.h"
#include "pipeline/optimize.h"
#include "pipeline/run_folder.h"
#include "pipeline/summary.h"
#include "report/html_report.h"

namespace thimble::cli {
namespace {

std::string closing_text(const nlohmann::json& state, const std::string& folder) {
  const pipeline::Summary summary = pipeline::summarize(state);
  std::vector<std::string> header = {state["identity"].value("name", "")};
  header.insert(header.end(), summary.columns.begin(), summary.columns.end());
  Table table(std::move(header));
  for (const pipeline::SummaryRow& row : summary.rows) {
    std::vector<std::string> cells = {row.quantity};
    cells.insert(cells.end(), row.cells.begin(), row.cells.end());
    table.add(std::move(cells));
  }
  std::string text = "\n" + table.text() + "\n";
  for (const std::string& sentence : summary.sentences) text += wrapped(sentence) + "\n";
  const bool is_deployed = std::filesystem::exists(folder + "/deploy");
  return text + fmt::format("{1} {0}{2}, the report is {0}/report.html\n", folder,
                            is_deployed ? "The C is in" : "The networks are in",
                            is_deployed ? "/deploy" : "");
}

/// What a model is to be fitted to, on the command line.
struct FitFlags {
  std::string data;
  std::string device;
  std::vector<std::string> limits;
};

/// The recipe that fits a model, kept as recipe.toml in the run's folder; the one that lies there already
/// where the same command made it.
pipeline::Recipe fitted_recipe(const CommonOptions& common, const std::string& model, const FitFlags& flags,
                               const std::string& folder, const pipeline::OptimizeHooks& hooks) {
  for (const auto& [option, value] : {std::pair("--data", flags.data), std::pair("--device", flags.device)}) {
    if (!value.empty()) continue;
    throw Error(option, fmt::format("is missing, and {} is a model, not a recipe (.toml)", model),
                "Say on which data and for which device: --data mnist --device nano33ble", ExitCode::kUsage);
  }
  std::string command =
      fmt::format("thimble optimize {} --data {} --device {}", model, flags.data, flags.device);
  for (const std::string& limit : flags.limits) command += " --budget " + limit;
  command += fmt::format(" --seed {}", common.seed);
  if (std::ranges::any_of(command, [](unsigned char c) { return std::iscntrl(c) != 0; }))
    throw Error(model, "has a control character in its name, or an option has", "Rename it",
                ExitCode::kUsage);
  const std::string path = folder + "/recipe.toml";
  if (std::filesystem::exists(path)) {
    const std::string kept = read_text(path);
    if (kept.starts_with("# " + command + "\n")) return pipeline::parse_recipe(kept, path);
    throw Error(path, "is the recipe of another command", "Give another folder with -o");
  }
  if (pipeline::holds_run(folder))
    throw Error(folder, "holds the run of a recipe", "Give another folder with -o");
  expect_writable(path);
  const pipeline::Budget budget = parse_budget(flags.limits);
  const device::DeviceProfile device = device::load_device(flags.device);
  const Graph network = load_model(model, common.seed);
  const data::Dataset training = load_data(common, flags.data, data::Split::kTrain);
  pipeline::expect_fits(network, training);
  const std::string text = pipeline::recipe_that_fits(
      {command, model, flags.data, flags.device, common.seed, budget}, network, training, device,
      hooks.on_stage ? hooks.on_stage : [](std::string_view) {});
  std::filesystem::create_directories(folder);
  write_file_atomically(path, text);
  return pipeline::parse_recipe(text, path);
}

}  // namespace

void add_optimize(CLI::App& program) {
  static CommonOptions common;
  static std::string recipe_path;
  static std::string folder;
  static std::string cache;
  static FitFlags fit;
  CLI::App* verb =
      add_verb(program, "optimize", "a whole recipe: from training to proven C",
               "A run that was stopped goes on where it was when run again, and ends with the\n"
               "same model bytes. The seed is the recipe's unless --seed is given.\n\n"
               "Of a MODEL, as much is kept as fits the device and the budget, and its recipe is\n"
               "written to recipe.toml in the run's folder:\n"
               "  thimble optimize float.onnx --data mnist --device nano33ble \\\n"
               "      --budget ram=10KB,flash=32KB -o runs/small",
               "thimble optimize recipes/mnist-nano33ble.toml -o runs/mnist", common);
  verb->add_option("RECIPE", recipe_path, "a TOML file (docs/recipes.md), or a float32\nMODEL")
      ->required()
      ->option_text(" ");
  verb->add_option("-o,--output", folder, "folder of the run")->required()->option_text("PATH (required)");
  verb->add_option("--data", fit.data, "of a MODEL")->option_text("NAME");
  verb->add_option("--device", fit.device, "for a MODEL")->option_text("NAME");
  add_budget_option(*verb, fit.limits, "of a MODEL: ram=10KB,flash=32KB,latency=20ms, ...");
  verb->add_option("--cache", cache, "stages for recipes that begin alike")->option_text("PATH");
  verb->callback([verb] {
    pipeline::OptimizeHooks hooks;
    hooks.progress = common.progress();
    if (!common.quiet)
      hooks.on_stage = [](std::string_view line) {
        tell(fmt::format("{}{}\n", ::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "", line));
      };
    pipeline::Recipe recipe;
    if (!recipe_path.ends_with(".toml")) {
      recipe = fitted_recipe(common, recipe_path, fit, folder, hooks);
    } else if (!fit.data.empty() || !fit.device.empty() || !fit.limits.empty()) {
      throw Error(recipe_path, "is a recipe, which names its data, device and budget itself",
                  "Write them there, or give a model", ExitCode::kUsage);
    } else {
      recipe = pipeline::read_recipe(recipe_path);
      if (verb->count("--seed") > 0) pipeline::set_seed(recipe, common.seed);
    }
    const nlohmann::json state = pipeline::optimize(
        recipe, load_model, folder, {common.threads, version(), cache, data::load, command_line()}, hooks);
    write_file_atomically(folder + "/report.html", report::html_report(folder));
    print(common, state, closing_text(state, folder));
    pipeline::expect_within_budget(state);
  });
}

}  // namespace thimble::cli
