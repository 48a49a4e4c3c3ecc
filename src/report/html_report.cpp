#include "report/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "pipeline/run_folder.h"
#include "pipeline/summary.h"
#include "report/page.h"

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

std::string layer_table(const json& run) {
  const json* results = stage_results(run, "profile");
  if (results == nullptr || !results->contains("deployed")) return "";
  const json& layers = (*results)["deployed"].value("layers", json::array());
  uint64_t most = 1;
  for (const json& layer : layers) {
    if (layer["cycles"].is_number()) most = std::max(most, layer["cycles"].get<uint64_t>());
  }
  std::string html =
      "<div class=wide><table><tr><th>layer</th><th "
      "class=text>operator</th><th>MACs</th><th>instructions</th><th>cycles</th>"
      "<th>arena</th><th>weights</th><th></th></tr>\n";
  const auto number = [](const json& layer, const char* key) {
    return layer.contains(key) && layer[key].is_number() ? grouped(layer[key].get<uint64_t>())
                                                         : std::string("-");
  };
  for (const json& layer : layers) {
    const uint64_t cycles = layer["cycles"].is_number() ? layer["cycles"].get<uint64_t>() : 0;
    html += fmt::format(
        "<tr><td>{}</td><td class=text>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=bar><div style=\"width:{:.1f}%\"></div></td></tr>\n",
        escaped(layer.value("name", "")), escaped(layer.value("op", "")), number(layer, "macs"),
        number(layer, "instructions"), number(layer, "cycles"), number(layer, "arena_bytes"),
        number(layer, "weights_bytes"), 100.0 * static_cast<double>(cycles) / static_cast<double>(most));
  }
  return html +
         "</table></div>\n<p class=lead>Bytes and estimated cycles of one inference; bars show cycles.</p>";
}

/// The loss of every epoch as one line.
std::string training_curve(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "metrics.jsonl";
  if (!std::filesystem::exists(path)) return "";
  std::vector<double> losses;
  const std::string text = read_text(path);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const json line = json::parse(text.substr(begin, end - begin), nullptr, false);
    if (line.is_object() && line.value("stage", "") == "train" && line.contains("loss") &&
        line["loss"].is_number()) {
      losses.push_back(line["loss"].get<double>());
    }
    begin = end + 1;
  }
  if (losses.size() < 2) return "";
  constexpr double kWidth = 640;
  constexpr double kHeight = 180;
  constexpr double kMargin = 30;
  const double high = *std::max_element(losses.begin(), losses.end());
  const double low = *std::min_element(losses.begin(), losses.end());
  std::string points;
  for (size_t i = 0; i < losses.size(); ++i) {
    const double x =
        kMargin + (kWidth - 2 * kMargin) * static_cast<double>(i) / static_cast<double>(losses.size() - 1);
    const double share = high > low ? (losses[i] - low) / (high - low) : 0.5;
    points += fmt::format("{:.1f},{:.1f} ", x, kHeight - kMargin - share * (kHeight - 2 * kMargin));
  }
  return fmt::format(
      "<figure><svg viewBox=\"0 0 {0} {1}\" role=img aria-label=\"training loss by epoch\">"
      "<line x1={2} y1={3} x2={4} y2={3} stroke=\"var(--rule)\"/>"
      "<polyline points=\"{5}\" fill=none stroke=\"var(--bar)\" stroke-width=2 />"
      "<g fill=\"var(--faint)\" font-size=12><text x={2} y=18>{6:.3f}</text>"
      "<text x={4} y={7} text-anchor=end>{8:.3f}</text></g></svg>"
      "<figcaption>Mean training loss, epochs 1 to {9}.</figcaption></figure>",
      kWidth, kHeight, kMargin, kHeight - kMargin, kWidth - kMargin, points, losses.front(), kHeight - 8,
      losses.back(), losses.size());
}

std::string provenance(const json& run) {
  const json& identity = run["identity"];
  std::string html = "<table>";
  for (const auto& [key, value] : identity.items()) {
    if (key == "recipe") continue;
    html += fmt::format("<tr><td>{}</td><td class=text><code>{}</code></td></tr>\n", escaped(key),
                        escaped(value.is_string() ? value.get<std::string>() : value.dump()));
  }
  for (const json& done : run["stages"]) {
    const json results = done.value("results", json::object());
    if (!results.contains("model")) continue;
    html += fmt::format("<tr><td>{}</td><td class=text><code>SHA-256 {}</code></td></tr>\n",
                        escaped(results["model"].get<std::string>()), escaped(results.value("sha256", "")));
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
                  section("Cost of every layer", layer_table(run)) +
                  section("Training", training_curve(run_folder)) +
                  section("Where it comes from", provenance(run)));
}

}  // namespace thimble::report
