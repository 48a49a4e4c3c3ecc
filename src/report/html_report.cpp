#include "report/html_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "pipeline/run_folder.h"
#include "pipeline/summary.h"
#include "report/mix_drawing.h"
#include "report/page.h"
#include "report/profile_section.h"
#include "report/training_drawing.h"

namespace thimble::report {
namespace {

using nlohmann::json;

const json* stage_results(const json& run, std::string_view stage) {
  for (const json& done : run["stages"]) {
    if (done["stage"] == stage && done.contains("results")) return &done["results"];
  }
  return nullptr;
}

std::string results_table(const json& run) {
  const pipeline::Summary summary = pipeline::summarize(run);
  if (summary.rows.empty()) return "";
  std::string html = "<table><tr><th></th>";
  for (const std::string& column : summary.columns) html += fmt::format("<th>{}</th>", escaped(column));
  html += "</tr>\n";
  for (const pipeline::SummaryRow& row : summary.rows) {
    html += fmt::format("<tr><td>{}</td>", escaped(row.quantity));
    for (const std::string& cell : row.cells) html += fmt::format("<td>{}</td>", escaped(cell));
    html += "</tr>\n";
  }
  html += "</table>\n";
  for (const std::string& sentence : summary.sentences) html += fmt::format("<p>{}</p>\n", escaped(sentence));
  return html;
}

std::string budget_table(const json& run) {
  if (!run.contains("budget") || run["budget"].empty()) return "";
  std::string html = "<table><tr><th>limit</th><th>allowed</th><th>measured</th><th></th></tr>\n";
  for (const json& limit : run["budget"]) {
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td class=text>{}</td></tr>\n",
                        escaped(limit.value("limit", "")), escaped(limit.value("allowed", "")),
                        escaped(limit.value("measured", "")), limit.value("met", false) ? "met" : "not met");
  }
  return html + "</table>";
}

std::string layers(const json& run) {
  const json* results = stage_results(run, "profile");
  return results != nullptr && results->contains("deployed") ? profile_section((*results)["deployed"]) : "";
}

std::string widths(const json& run) {
  const json* results = stage_results(run, "quantize");
  const json how = results != nullptr ? results->value("quantization", json::object()) : json::object();
  return how.contains("mixed") ? mix_drawing(how["mixed"]) : "";
}

std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string provenance(const json& run) {
  const json& identity = run["identity"];
  std::string html = "<table>";
  const auto add = [&html](const std::string& what, const json& value) {
    html += fmt::format("<tr><td>{}</td><td class=text><code>{}</code></td></tr>\n", escaped(what),
                        escaped(text_of(value)));
  };
  if (run.contains("command")) add("command", run["command"]);
  for (const auto& [key, value] : identity.items()) {
    if (key != "recipe") add(key, value);
  }
  const json data = run.value("data_sha256", json::object());
  for (const auto& [split, sha256] : data.items()) add(split + " data", "SHA-256 " + text_of(sha256));
  const json others = run.value("others_sha256", json::object());
  for (const auto& [name, sha256] : others.items()) add(name, "SHA-256 " + text_of(sha256));
  for (const json& done : run["stages"]) {
    const json results = done.value("results", json::object());
    if (!results.contains("model")) continue;
    add(results["model"].get<std::string>(), "SHA-256 " + results.value("sha256", ""));
  }
  html += "</table>\n";
  if (identity.contains("recipe")) {
    html += fmt::format("<h3>Recipe</h3>\n<pre class=wide><code>{}</code></pre>",
                        escaped(identity["recipe"].get<std::string>()));
  }
  return html;
}

}  // namespace

std::string html_report(const std::filesystem::path& run_folder) {
  const json run = pipeline::read_run(run_folder);
  const std::string name = run["identity"].value("name", "run");
  const std::string lead =
      fmt::format("{} on {}, data {}", run["identity"].value("model", ""),
                  run["identity"].value("device", ""), run["identity"].value("data", ""));
  return page(name, lead,
              section("Results", results_table(run)) + section("Budget", budget_table(run)) +
                  section("Cost of every layer", layers(run)) +
                  section("8 and 4 bits by layer", widths(run)) +
                  section("Training", training_drawing(pipeline::read_metrics(run_folder))) +
                  section("Where it comes from", provenance(run)));
}

}  // namespace thimble::report
