#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "report/html_report.h"
#include "report/search_report.h"
#include "report/study_report.h"
#include "study/search.h"
#include "study/sqlite_storage.h"

namespace thimble::cli {
namespace {

std::string study_report(const std::string& database, const std::string& output) {
  const auto storage = study::open_sqlite(database, false);
  const std::filesystem::path kind = std::filesystem::path(output).extension();
  if (study::is_search(*storage)) {
    if (kind == ".csv") return report::search_csv(*storage);
    if (kind == ".json") return report::search_json(*storage);
    return report::search_html(*storage);
  }
  if (kind == ".csv") return report::study_csv(*storage);
  if (kind == ".json") return report::study_json(*storage);
  return report::study_html(*storage);
}

}  // namespace

void add_report(CLI::App& program) {
  static CommonOptions common;
  static std::string source;
  static std::string output;
  CLI::App* verb = add_verb(program, "report", "results of a run, study or search as an HTML page",
                            "Of a study or search, a page that ends in .csv or .json is written as such.",
                            "thimble report runs/mnist -o report.html", common);
  verb->add_option("RUN", source, "a run's folder, or a study's or search's file")
      ->required()
      ->option_text(" ");
  verb->add_option("-o,--output", output, "the page [RUN/report.html, STUDY.html]")->option_text("PATH");
  verb->callback([] {
    const bool is_study = std::filesystem::is_regular_file(source);
    if (output.empty()) {
      output = is_study ? std::filesystem::path(source).replace_extension(".html").string()
                        : source + "/report.html";
    }
    if (is_study && std::filesystem::exists(output) && std::filesystem::equivalent(source, output)) {
      throw Error(output, "is the study itself, which its report would replace", "Give another file to -o",
                  ExitCode::kUsage);
    }
    const std::filesystem::path kind = std::filesystem::path(output).extension();
    if (!is_study && (kind == ".csv" || kind == ".json")) {
      throw Error(output, "would be a page, which is what a run has",
                  "End it in .html; the run's figures are in its run.json", ExitCode::kUsage);
    }
    write_file_atomically(output, is_study ? study_report(source, output) : report::html_report(source));
    print(common, {{"output", output}}, output);
  });
}

}  // namespace thimble::cli
