#include "report/html_report.h"

#include <fmt/format.h>

#include "base/files.h"
#include "cli/common.h"
#include "cli/verbs.h"

namespace thimble::cli {

void add_report(CLI::App& program) {
  static CommonOptions common;
  static std::string run;
  static std::string output;
  CLI::App* verb = add_verb(program, "report", "a run's results as one HTML page", "",
                            "thimble report runs/mnist -o report.html", common);
  verb->add_option("RUN", run, "the folder of a run of optimize")->required()->option_text(" ");
  verb->add_option("-o,--output", output, "the page [RUN/report.html]")->option_text("PATH");
  verb->callback([] {
    if (output.empty()) output = run + "/report.html";
    write_file_atomically(output, report::html_report(run));
    print(common, {{"output", output}}, output);
  });
}

}  // namespace thimble::cli
