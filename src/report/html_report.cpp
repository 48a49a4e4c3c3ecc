#include "report/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "pipeline/run_folder.h"
#include "pipeline/summary.h"

namespace thimble::report {
namespace {

using nlohmann::json;

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #6a737d; --rule: #d8dee4; --bar: #2f6fb3; --back: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --faint: #98a2ad; --rule: #363c44; --bar: #6aa5e0; --back: #14171b; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.lead, td.note, figcaption { color: var(--faint); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; }
th.text, td.text { text-align: left; }
td.bar { width: 12rem; padding-right: 0; }
td.bar div { background: var(--bar); height: .7rem; border-radius: 2px; }
.wide { overflow-x: auto; }
figure { margin: 0; }
svg { width: 100%; max-width: 40rem; height: auto; }
code { font-size: .9em; overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; } h2 { break-after: avoid; } }
)";

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string section(std::string_view title, std::string_view body) {
  return body.empty() ? "" : fmt::format("<h2>{}</h2>\n{}\n", escaped(title), body);
}

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
  return fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<title>{0} - Thimble</title>\n"
      "<style>{1}</style></head><body>\n<h1>{0}</h1>\n<p class=lead>{2} on {3}, data {4}</p>\n{5}{6}{7}{8}{9}"
      "</body></html>\n",
      escaped(name), kStyle, escaped(run["identity"].value("model", "")),
      escaped(run["identity"].value("device", "")), escaped(run["identity"].value("data", "")),
      section("Results", results_table(run)), section("Budget", budget_table(run)),
      section("Cost of every layer", layer_table(run)), section("Training", training_curve(run_folder)),
      section("Where it comes from", provenance(run)));
}

}  // namespace thimble::report
