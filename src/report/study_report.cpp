#include "report/study_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "pipeline/pareto.h"
#include "report/page.h"
#include "study/analysis.h"

namespace thimble::report {
namespace {

using nlohmann::json;

constexpr double kWidth = 640;

std::string text_of(const json& value, const char* format = "{:.4g}") {
  return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>()) : "-";
}

std::string place_of(const json& row) {
  return row.at("network").get<std::string>() + " on " + row.at("data").get<std::string>();
}

std::string metric_of(const json& cell) {
  const std::string device = cell.at("device").get<std::string>();
  std::string text = cell.at("metric").get<std::string>();
  if (!device.empty()) text += " on " + device;
  if (cell.contains("basis")) text += " (" + cell.at("basis").get<std::string>() + ")";
  return text;
}

using Row = std::vector<std::string>;

std::string table(const Row& header, const std::vector<Row>& rows) {
  std::string html = "<div class=wide><table><tr>";
  for (const std::string& cell : header) html += fmt::format("<th>{}</th>", escaped(cell));
  html += "</tr>\n";
  for (const Row& row : rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += fmt::format("<td>{}</td>", escaped(cell));
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

/// A test's sentence, or why there is none.
std::string in_words(const json& test, std::string_view name) {
  if (test.contains("why")) {
    return fmt::format("<p>{} {}.</p>\n", escaped(name), escaped(test.at("why").get<std::string>()));
  }
  return fmt::format("<p>{}</p>\n", escaped(test.at("sentence").get<std::string>()));
}

std::string anova_table(const json& test, std::string_view name) {
  if (test.contains("why")) return in_words(test, name);
  std::vector<Row> rows;
  for (const json& row : test.at("rows")) {
    const auto figure = [&row](const char* key, const char* format = "{:.4g}") {
      return row.contains(key) ? text_of(row[key], format) : std::string();
    };
    rows.push_back({row.at("source").get<std::string>(), figure("sum_of_squares"), figure("df"),
                    figure("mean_square"), figure("f"), figure("p"), figure("eta_squared", "{:.3f}"),
                    figure("partial_eta_squared", "{:.3f}"), figure("omega_squared", "{:.3f}")});
  }
  return fmt::format("<h3>{}</h3>\n", escaped(name)) +
         table(
             {"source", "sum of squares", "df", "mean square", "F", "p", "eta^2", "partial eta^2", "omega^2"},
             rows) +
         in_words(test, name);
}

std::string pairs_table(const json& pairs) {
  if (pairs.contains("why")) return in_words(pairs, "Comparing pairs");
  std::vector<Row> rows;
  for (const json& pair : pairs.at("rows")) {
    rows.push_back({pair.at("first").get<std::string>() + " - " + pair.at("second").get<std::string>(),
                    text_of(pair.at("difference")), text_of(pair.at("low")), text_of(pair.at("high")),
                    text_of(pair.at("p"))});
  }
  const std::string method = pairs.at("method").get<std::string>();
  return fmt::format("<h3>{}</h3>\n", escaped(method)) +
         table({"pair", "difference", "95 % from", "to", "p"}, rows) + in_words(pairs, method);
}

std::string effects_table(const json& effects, const std::string& baseline) {
  std::vector<Row> rows;
  std::string reasons;
  for (const json& effect : effects) {
    const std::string technique = effect.at("technique").get<std::string>();
    if (effect.contains("why")) {
      reasons += fmt::format("<p>Cohen's d of {} {}.</p>\n", escaped(technique),
                             escaped(effect["why"].get<std::string>()));
      continue;
    }
    const auto interval = [&](const char* key) {
      return fmt::format("{} to {}", text_of(effect[key][0], "{:.2f}"), text_of(effect[key][1], "{:.2f}"));
    };
    rows.push_back({technique, text_of(effect.at("d"), "{:.2f}"), interval("bootstrap"), interval("exact")});
  }
  if (rows.empty()) return reasons;
  return fmt::format("<h3>Effect sizes against {}</h3>\n", escaped(baseline)) +
         table({"technique", "Cohen's d", "95 %, bootstrap", "95 %, exact"}, rows) + reasons;
}

/// Accuracies of the techniques at a place: every seed a point, the mean and its interval a bar.
std::string interval_drawing(const std::vector<const json*>& cells) {
  double low = 1;
  double high = 0;
  for (const json* cell : cells) {
    for (const json& value : cell->at("values")) {
      low = std::min(low, value.get<double>());
      high = std::max(high, value.get<double>());
    }
    low = std::min(low, cell->value("low", low));
    high = std::max(high, cell->value("high", high));
  }
  if (!(high >= low)) return "";
  const double range = high > low ? high - low : 1;
  constexpr double kLeft = 150;
  constexpr double kRow = 28;
  const auto x = [&](double value) { return kLeft + (kWidth - kLeft - 20) * (value - low) / range; };
  const double bottom = 10 + kRow * static_cast<double>(cells.size());
  std::string svg =
      fmt::format("<figure><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"accuracy with intervals\">",
                  kWidth, bottom + 24);
  for (size_t i = 0; i < cells.size(); ++i) {
    const json& cell = *cells[i];
    const double y = 10 + kRow * (static_cast<double>(i) + 0.5);
    svg += fmt::format("<text x={} y={} text-anchor=end font-size=12 fill=\"var(--ink)\">{}</text>",
                       kLeft - 12, y + 4, escaped(cell.at("technique").get<std::string>()));
    if (cell.contains("low")) {
      svg += fmt::format(
          "<line x1={:.1f} x2={:.1f} y1={} y2={} stroke=\"var(--bar)\" "
          "stroke-width=3><title>{}</title></line>",
          x(cell["low"].get<double>()), x(cell["high"].get<double>()), y, y,
          escaped(fmt::format("{}: mean {:.4f}, 95 % from {:.4f} to {:.4f}",
                              cell["technique"].get<std::string>(), cell["mean"].get<double>(),
                              cell["low"].get<double>(), cell["high"].get<double>())));
    }
    for (const json& value : cell.at("values")) {
      svg += fmt::format(
          "<circle cx={:.1f} cy={} r=3.5 fill=none stroke=\"var(--ink)\"><title>{:.4f}</title></circle>",
          x(value.get<double>()), y, value.get<double>());
    }
  }
  return svg +
         fmt::format(
             "<g fill=\"var(--faint)\" font-size=12><text x={} y={}>{:.4f}</text>"
             "<text x={} y={} text-anchor=end>{:.4f}</text></g></svg><figcaption>Accuracy: a circle a seed, "
             "a bar the 95 % interval of the mean.</figcaption></figure>\n",
             kLeft, bottom + 16, low, kWidth - 20, bottom + 16, high);
}

/// Error against latency of the techniques at a place on a device; those on the front are filled.
std::string front_drawing(const json& analysis, const std::string& place, const std::string& device) {
  std::vector<std::string> names;
  std::vector<pipeline::Objectives> points;
  const auto mean_of = [&](const std::string& technique, const char* metric,
                           const std::string& on) -> const json* {
    for (const json& cell : analysis.at("cells")) {
      if (cell.at("technique") == technique && cell.at("metric") == metric && cell.at("device") == on &&
          place_of(cell) == place && cell.contains("mean")) {
        return &cell.at("mean");
      }
    }
    return nullptr;
  };
  for (const json& row : analysis.at("objective")) {
    if (place_of(row) != place || row.at("device") != device) continue;
    const std::string technique = row.at("technique").get<std::string>();
    const json* accuracy = mean_of(technique, "accuracy", "");
    const json* latency = mean_of(technique, "latency_ms", device);
    if (accuracy == nullptr || latency == nullptr) continue;
    names.push_back(technique);
    points.push_back({100 * (1 - accuracy->get<double>()), latency->get<double>()});
  }
  if (points.size() < 2) return "";
  const auto front = pipeline::pareto_front(points);
  double most_error = 0;
  double most_latency = 0;
  for (const auto& point : points) {
    most_error = std::max(most_error, point[0]);
    most_latency = std::max(most_latency, point[1]);
  }
  constexpr double kHeight = 240;
  constexpr double kMargin = 40;
  std::string svg = fmt::format(
      "<figure><svg viewBox=\"0 0 {0} {1}\" role=img aria-label=\"error against latency\">"
      "<path d=\"M{2} 10 V{3} H{4}\" fill=none stroke=\"var(--rule)\"/>",
      kWidth, kHeight, kMargin, kHeight - kMargin, kWidth - 10);
  for (size_t i = 0; i < points.size(); ++i) {
    const double x = kMargin + (kWidth - kMargin - 110) * points[i][1] / std::max(most_latency, 1e-12);
    const double y =
        kHeight - kMargin - (kHeight - kMargin - 30) * points[i][0] / std::max(most_error, 1e-12);
    const bool on_front = std::find(front.begin(), front.end(), i) != front.end();
    svg += fmt::format(
        "<circle cx={0:.1f} cy={1:.1f} r=5 fill=\"{2}\" stroke=\"var(--bar)\" stroke-width=2><title>{3}: "
        "{4:.2f} % error, "
        "{5:.3g} ms</title></circle><text x={6:.1f} y={7:.1f} font-size=12 fill=\"var(--ink)\">{3}</text>",
        x, y, on_front ? "var(--bar)" : "none", escaped(names[i]), points[i][0], points[i][1], x + 9, y + 4);
  }
  return svg +
         fmt::format(
             "<g fill=\"var(--faint)\" font-size=12><text x={0} y={1} text-anchor=end>latency, to {2:.3g} ms"
             "</text><text x=4 y=12>error, to {3:.2f} %</text></g></svg><figcaption>{4}: filled are those "
             "that no "
             "other beats in both.</figcaption></figure>\n",
             kWidth - 10, kHeight - 14, most_latency, most_error, escaped(device));
}

std::string place_section(const json& analysis, const json& tests, const std::vector<std::string>& devices) {
  const std::string place = place_of(tests);
  std::vector<Row> rows;
  std::vector<const json*> accuracies;
  std::string reasons;
  for (const json& cell : analysis.at("cells")) {
    if (place_of(cell) != place) continue;
    rows.push_back({cell.at("technique").get<std::string>() + ": " + metric_of(cell),
                    std::to_string(cell.at("values").size()), text_of(cell.value("mean", json()), "{:.6g}"),
                    text_of(cell.value("deviation", json())), text_of(cell.value("low", json()), "{:.6g}"),
                    text_of(cell.value("high", json()), "{:.6g}")});
    if (cell.at("metric") == "accuracy") accuracies.push_back(&cell);
    if (cell.contains("why_missing")) {
      reasons += fmt::format("<p class=lead>{}</p>\n",
                             escaped(rows.back()[0] + ": " + cell["why_missing"].get<std::string>()));
    } else if (cell.contains("why") && cell.at("metric") == "accuracy") {
      reasons += fmt::format("<p class=lead>{}</p>\n",
                             escaped(rows.back()[0] + ": " + cell["why"].get<std::string>() + "."));
    }
  }
  std::string html = interval_drawing(accuracies);
  for (const std::string& device : devices) html += front_drawing(analysis, place, device);
  html += table({"technique: figure", "seeds", "mean", "deviation", "95 % from", "to"}, rows) + reasons;
  html += anova_table(tests.at("anova"), "One-way ANOVA") +
          anova_table(tests.at("blocked"), "ANOVA in blocks of a seed");
  html += pairs_table(tests.at("pairs")) +
          effects_table(tests.at("effects"), analysis.at("baseline").get<std::string>());
  html += "<h3>Assumptions</h3>\n" + in_words(tests.at("levene"), "Levene's test") +
          in_words(tests.at("shapiro_wilk"), "Shapiro-Wilk's test") +
          in_words(tests.at("welch"), "Welch's ANOVA");
  return section(place, html);
}

std::string objective_table(const json& analysis) {
  std::vector<Row> rows;
  for (const json& row : analysis.at("objective")) {
    std::string note = row.value("why", "");
    for (const json& broken : row.at("broken"))
      note += (note.empty() ? "" : "; ") + broken.get<std::string>();
    rows.push_back({row.at("technique").get<std::string>() + ", " + place_of(row) + ", " +
                        row.at("device").get<std::string>(),
                    text_of(row.at("value")), note.empty() ? "within its limits" : note});
  }
  return table({"technique, network, data, device", "J", ""}, rows);
}

std::string trials_text(const json& trials) {
  std::string html =
      fmt::format("<p>{} trials are done, {} are open, {} failed.</p>\n", trials.at("done").get<int>(),
                  trials.at("open").get<int>(), trials.at("failed").size());
  std::vector<Row> rows;
  for (const json& failed : trials.at("failed")) {
    rows.push_back({failed.at("trial").get<std::string>(), failed.at("error").get<std::string>()});
  }
  return rows.empty() ? html : html + table({"failed trial", "error"}, rows);
}

struct Source {
  study::Study study;
  std::vector<study::Trial> trials;
  json analysis;
};

Source read(study::Storage& storage) {
  Source source{study::parse_study(storage.study_text(), "The study's text"), storage.trials(), {}};
  source.analysis = study::analyse(source.study, source.trials);
  source.analysis["version"] = storage.version();
  return source;
}

}  // namespace

std::string study_html(study::Storage& storage) {
  const Source source = read(storage);
  const json& analysis = source.analysis;
  std::string places;
  for (const json& tests : analysis.at("tests"))
    places += place_section(analysis, tests, source.study.devices);
  const json& across = analysis.at("across");
  std::string provenance =
      fmt::format("<p>Thimble {}</p>\n<h3>Study</h3>\n<pre class=wide><code>{}</code></pre>\n",
                  escaped(storage.version()), escaped(source.study.text));
  if (!source.trials.empty()) {
    provenance += fmt::format("<h3>The first trial's recipe</h3>\n<pre class=wide><code>{}</code></pre>\n",
                              escaped(source.trials.front().recipe));
  }
  return page(
      source.study.name, fmt::format("a study against the baseline {}", source.study.baseline),
      section("Trials", trials_text(analysis.at("trials"))) + places +
          section(
              "Across networks and data sets",
              anova_table(across.at("anova"), "Two-way ANOVA, Type II") +
                  (across.at("friedman").contains("why") ? in_words(across.at("friedman"), "Friedman's test")
                                                         : pairs_table(across.at("friedman")))) +
          section("Objective J", objective_table(analysis)) + section("Where it comes from", provenance));
}

std::string study_csv(study::Storage& storage) {
  const auto field = [](const std::string& text) {
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string result = "\"";
    for (const char c : text) result += c == '"' ? "\"\"" : std::string(1, c);
    return result + '"';
  };
  const auto number = [](const json& cell, const char* key) {
    return cell.contains(key) ? fmt::format("{}", cell[key].get<double>()) : std::string();
  };
  std::string csv = "network,data,technique,metric,device,n,mean,deviation,low,high,note\r\n";
  const Source source = read(storage);
  for (const json& cell : source.analysis.at("cells")) {
    const auto text = [&](const char* key) { return field(cell.value(key, "")); };
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", text("network"), text("data"),
                       text("technique"), text("metric"), text("device"), cell.at("values").size(),
                       number(cell, "mean"), number(cell, "deviation"), number(cell, "low"),
                       number(cell, "high"), text(cell.contains("basis") ? "basis" : "why_missing"));
  }
  return csv;
}

std::string study_json(study::Storage& storage) { return read(storage).analysis.dump(2) + "\n"; }

}  // namespace thimble::report
