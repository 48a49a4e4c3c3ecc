#include <fmt/format.h>
#include <unistd.h>

#include "base/files.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "pipeline/optimize.h"
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
  return text + fmt::format("The C is in {0}/deploy, the report is {0}/report.html\n", folder);
}

}  // namespace

void add_optimize(CLI::App& program) {
  static CommonOptions common;
  static std::string recipe_path;
  static std::string folder;
  static std::string cache;
  CLI::App* verb = add_verb(program, "optimize", "a whole recipe: from training to proven C",
                            "A run that was stopped goes on where it was when run again, and ends with the\n"
                            "same model bytes. The seed is the recipe's unless --seed is given.",
                            "thimble optimize recipes/mnist-nano33ble.toml -o runs/mnist", common);
  verb->add_option("RECIPE", recipe_path, "a TOML file, see docs/recipes.md")->required()->option_text(" ");
  verb->add_option("-o,--output", folder, "folder of the run")->required()->option_text("PATH (required)");
  verb->add_option("--cache", cache, "stages for recipes that begin alike")->option_text("PATH");
  verb->callback([verb] {
    pipeline::Recipe recipe = pipeline::read_recipe(recipe_path);
    if (verb->count("--seed") > 0) pipeline::set_seed(recipe, common.seed);
    pipeline::OptimizeHooks hooks;
    hooks.progress = common.progress();
    if (!common.quiet)
      hooks.on_stage = [](std::string_view line) {
        fmt::print(stderr, "{}{}\n", ::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "", line);
      };
    const nlohmann::json state =
        pipeline::optimize(recipe, load_model, folder, {common.threads, THIMBLE_VERSION, cache}, hooks);
    write_file_atomically(folder + "/report.html", report::html_report(folder));
    print(common, state, closing_text(state, folder));
    pipeline::expect_within_budget(state);
  });
}

}  // namespace thimble::cli
