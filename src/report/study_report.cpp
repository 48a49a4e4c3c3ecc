#include "report/study_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "deploy/results_json.h"
#include "pipeline/pareto.h"
#include "pipeline/parse_json.h"
#include "report/origin.h"
#include "report/page.h"
#include "report/profile_section.h"
#include "report/scatter_drawing.h"
#include "report/training_drawing.h"
#include "report/trust.h"
#include "study/analysis.h"

namespace thimble::report {
namespace {

using nlohmann::json;

constexpr double kWidth = 640;

struct Source {
  study::Study study;
  std::vector<study::Trial> trials;
  json analysis;
};

Source read(study::Storage& storage) {
  Source source{study::parse_study(storage.study_text(), "The study's text"), storage.trials(), {}};
  source.analysis = study::analyse(source.study, source.trials);
  source.analysis["version"] = storage.version();
  source.analysis["command"] = storage.command();
  source.analysis["inputs"] = storage.inputs();
  return source;
}

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

/// The mean of a figure of a technique at a place, if it was had.
const json* mean_of(const json& analysis, const std::string& place, const std::string& technique,
                    std::string_view metric, std::string_view device) {
  for (const json& cell : analysis.at("cells")) {
    if (cell.at("technique") == technique && cell.at("metric") == metric && cell.at("device") == device &&
        place_of(cell) == place && cell.contains("mean")) {
      return &cell.at("mean");
    }
  }
  return nullptr;
}

/// The stages of a technique's recipe at a place, a line each.
std::string stages_of(const Source& source, const std::string& place, const std::string& technique) {
  for (const study::Trial& trial : source.trials) {
    if (trial.key.technique != technique || trial.key.network + " on " + trial.key.data != place) continue;
    return fmt::format("{}", fmt::join(pipeline::parse_recipe(trial.recipe, technique).stage_texts, "\n"));
  }
  return "";
}

/// Error against latency of the techniques at a place on a device; those on the front are filled. Each says
/// its figures and its recipe to whoever points at it.
std::string front_drawing(const Source& source, const std::string& place, const std::string& device) {
  std::vector<ScatterPoint> points;
  std::vector<pipeline::Objectives> objectives;
  double least_error = 100;
  for (const json& row : source.analysis.at("objective")) {
    if (place_of(row) != place || row.at("device") != device) continue;
    const std::string technique = row.at("technique").get<std::string>();
    const json* accuracy = mean_of(source.analysis, place, technique, "accuracy", "");
    const json* latency = mean_of(source.analysis, place, technique, "latency_ms", device);
    if (accuracy == nullptr || latency == nullptr) continue;
    const double error = 100 * (1 - accuracy->get<double>());
    points.push_back({latency->get<double>(), error, technique,
                      fmt::format("{}: {:.2f} % error, {:.3g} ms on {}\n{}", technique, error,
                                  latency->get<double>(), device, stages_of(source, place, technique))});
    objectives.push_back({error, latency->get<double>()});
    least_error = std::min(least_error, error);
  }
  for (const size_t i : pipeline::pareto_front(objectives)) points[i].filled = true;
  std::string caption = fmt::format(
      "{}: filled are those that no other beats in both. Point at one for its recipe.", escaped(device));
  for (const json& row : source.analysis.at("fronts")) {
    if (place_of(row) != place || row.at("device") != device) continue;
    caption += fmt::format(
        " In error, latency and weights together they reach a hypervolume of {:.3f} of the box up to twice "
        "the baseline's error and its latency and weights.",
        row.at("hypervolume").get<double>());
  }
  return scatter_drawing(points, {"latency, ms", 0}, {"error, %", least_error}, caption);
}

/// "-90.2 %" of a factor of 0.098.
std::string change_text(const json& row, const char* metric) {
  return row.contains(metric) ? fmt::format("{:+.1f} %", 100 * (row[metric].get<double>() - 1)) : "-";
}

/// What techniques change of the baseline at a place, beside what was published of them.
std::string against_table(const Source& source, const std::string& place) {
  const study::Study& study = source.study;
  std::vector<Row> rows;
  for (const json& row : source.analysis.at("against")) {
    if (place_of(row) != place) continue;
    const std::string technique = row.at("technique").get<std::string>();
    const std::string device = row.at("device").get<std::string>();
    const auto published =
        std::find_if(study.published.begin(), study.published.end(),
                     [&](const study::PublishedResult& one) { return one.technique == technique; });
    const auto theirs = [&](std::optional<double> study::PublishedResult::*figure, bool is_change) {
      if (published == study.published.end() || !((*published).*figure)) return std::string();
      return is_change ? fmt::format("{:+.0f} %", *((*published).*figure))
                       : fmt::format("{:.1f} %", *((*published).*figure));
    };
    const json* accuracy = mean_of(source.analysis, place, technique, "accuracy", "");
    const json* ram = mean_of(source.analysis, place, technique, "ram_bytes", device);
    Row cells = {technique + ", " + device,
                 accuracy != nullptr ? fmt::format("{:.2f} %", 100 * accuracy->get<double>()) : "-"};
    const auto add = [&](const std::string& own, const std::string& other) {
      cells.push_back(own);
      if (!study.published.empty()) cells.push_back(other);
    };
    cells.push_back(row.contains("accuracy") ? fmt::format("{:.2f} %", 100 * row["accuracy"].get<double>())
                                             : "-");
    if (!study.published.empty()) cells.push_back(theirs(&study::PublishedResult::accuracy, false));
    add(change_text(row, "weights_bytes"), theirs(&study::PublishedResult::size, true));
    add(change_text(row, "latency_ms"), theirs(&study::PublishedResult::latency, true));
    add(change_text(row, "energy_uj"), theirs(&study::PublishedResult::energy, true));
    cells.push_back(change_text(row, "flash_bytes"));
    cells.push_back(ram != nullptr ? grouped(static_cast<uint64_t>(std::llround(ram->get<double>()))) + " B"
                                   : "-");
    rows.push_back(std::move(cells));
  }
  if (rows.empty()) return "";
  Row header = {"technique, device", "accuracy", "of baseline"};
  const bool compares = !study.published.empty();
  if (compares) header.push_back("published");
  for (const char* figure : {"weights", "latency", "energy"}) {
    header.push_back(figure);
    if (compares) header.push_back("published");
  }
  header.insert(header.end(), {"flash", "RAM"});
  std::string html =
      "<h3>Against the baseline</h3>\n" + table(header, rows) +
      "<p class=lead>Means over seeds of each figure over that of the same seed's baseline on the "
      "same device. Weights are those that the device holds; flash is weights and code.";
  if (compares) html += fmt::format(" Published: {}.", escaped(study.published_source));
  return html + "</p>\n";
}

/// The details of a technique's first trial that is done at a place.
json details_of(const Source& source, study::Storage& storage, const std::string& place,
                const std::string& technique) {
  for (const study::Trial& trial : source.trials) {
    if (trial.state != study::TrialState::kDone || trial.key.technique != technique ||
        trial.key.network + " on " + trial.key.data != place) {
      continue;
    }
    const json details = pipeline::parse_json(storage.details(trial.id));
    if (details.is_object()) return details;
  }
  return json::object();
}

std::vector<std::string> techniques_at(const Source& source, const std::string& place) {
  std::vector<std::string> names;
  for (const study::Trial& trial : source.trials) {
    if (trial.key.network + " on " + trial.key.data != place) continue;
    if (std::find(names.begin(), names.end(), trial.key.technique) == names.end())
      names.push_back(trial.key.technique);
  }
  return names;
}

/// Each device's costs with their basis and what the true time lies between, of the first seed.
std::string costs_table(const Source& source, study::Storage& storage, const std::string& place) {
  std::vector<Row> rows;
  std::string reasons;
  for (const std::string& technique : techniques_at(source, place)) {
    const json profiles = details_of(source, storage, place, technique).value("profiles", json::object());
    for (const std::string& device : source.study.devices) {
      if (!profiles.contains(device)) continue;
      const json& profile = profiles[device];
      const auto bytes = [&](const char* key) {
        return profile.value(key, json()).is_number() ? grouped(profile[key].get<uint64_t>()) : "-";
      };
      const bool is_timed = profile.value("latency_ms", json()).is_number();
      rows.push_back({technique + ", " + device,
                      is_timed ? fmt::format("{:.2f} ms", profile["latency_ms"].get<double>()) : "-",
                      is_timed ? profile.value("latency_basis", "") : "-",
                      is_timed ? fmt::format("{:.2f} to {:.2f} ms", profile.value("latency_low_ms", 0.0),
                                             profile.value("latency_high_ms", 0.0))
                               : "-",
                      text_of(profile.value("energy_uj", json()), "{:.1f}"), bytes("ram_bytes"),
                      bytes("weights_bytes"), bytes("flash_bytes")});
      if (profile.contains("why")) {
        reasons += fmt::format("<p class=lead>{}: {}.</p>\n", escaped(rows.back()[0]),
                               escaped(profile["why"].get<std::string>()));
      }
    }
  }
  if (rows.empty()) return "";
  return "<h3>Costs on each device, first seed</h3>\n" +
         table({"technique, device", "latency", "basis", "the true time", "energy, uJ", "RAM, B",
                "weights, B", "flash, B"},
               rows) +
         reasons;
}

/// How each technique's first trial was trained, and where the baseline and the advised technique spend.
std::string trials_shown(const Source& source, study::Storage& storage, const std::string& place,
                         const json& advice) {
  std::string training;
  std::string layers;
  for (const std::string& technique : techniques_at(source, place)) {
    const json details = details_of(source, storage, place, technique);
    const std::string drawing = training_drawing(details.value("metrics", std::vector<json>()));
    if (!drawing.empty()) training += fmt::format("<p>{}</p>\n", escaped(technique)) + drawing;
    const json profiles = details.value("profiles", json::object());
    const std::string& device = source.study.devices.front();
    if ((technique == source.study.baseline || technique == advice.value("technique", "")) &&
        profiles.contains(device)) {
      layers += fmt::format("<h3>Layers and memory: {} on {}</h3>\n", escaped(technique), escaped(device)) +
                profile_section(profiles[device]);
    }
  }
  if (!training.empty()) training = "<h3>Training, first seed</h3>\n" + training;
  return training + layers;
}

/// Every network that came out, and the data that it was trained on.
std::string models_table(const Source& source, study::Storage& storage) {
  std::vector<Row> rows;
  for (const study::Trial& trial : source.trials) {
    const json details = pipeline::parse_json(storage.details(trial.id));
    if (!details.is_object() || details.value("models", json::array()).empty()) continue;
    rows.push_back({to_string(trial.key), details["models"].back().value("model", ""),
                    details["models"].back().value("sha256", ""), details.value("data_sha256", "")});
  }
  return rows.empty() ? ""
                      : "<h3>What came out</h3>\n" +
                            table({"trial", "network", "its SHA-256", "SHA-256 of its data"}, rows);
}

std::string place_section(const Source& source, study::Storage& storage, const json& tests,
                          const json& advice) {
  const json& analysis = source.analysis;
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
  std::string html = in_words(advice, "Advice") + against_table(source, place) + interval_drawing(accuracies);
  for (const std::string& device : source.study.devices) html += front_drawing(source, place, device);
  html += costs_table(source, storage, place) + trials_shown(source, storage, place, advice);
  html += "<h3>All figures</h3>\n" +
          table({"technique: figure", "seeds", "mean", "deviation", "95 % from", "to"}, rows) + reasons;
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

}  // namespace

std::string study_html(study::Storage& storage) {
  const Source source = read(storage);
  const json& analysis = source.analysis;
  std::string places;
  for (size_t i = 0; i < analysis.at("tests").size(); ++i)
    places += place_section(source, storage, analysis["tests"][i], analysis.at("advice").at(i));
  const json& across = analysis.at("across");
  std::string provenance = origin(storage);
  provenance +=
      fmt::format("<h3>Study</h3>\n<pre class=wide><code>{}</code></pre>\n", escaped(source.study.text));
  provenance += models_table(source, storage);
  if (!source.trials.empty()) {
    provenance += fmt::format("<h3>The first trial's recipe</h3>\n<pre class=wide><code>{}</code></pre>\n",
                              escaped(source.trials.front().recipe));
  }
  return page(source.study.name, fmt::format("a study against the baseline {}", source.study.baseline),
              section("Trials", trials_text(analysis.at("trials"))) + places +
                  section("Across networks and data sets",
                          anova_table(across.at("anova"), "Two-way ANOVA, Type II") +
                              (across.at("friedman").contains("why")
                                   ? in_words(across.at("friedman"), "Friedman's test")
                                   : pairs_table(across.at("friedman")))) +
                  section("Objective J", objective_table(analysis)) +
                  section("How far times can be trusted", trust(source.study.devices)) +
                  section("Where it comes from", provenance));
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

std::string study_json(study::Storage& storage) { return deploy::text_of(read(storage).analysis) + "\n"; }

}  // namespace thimble::report
