#include "report/search_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "deploy/results_json.h"
#include "pipeline/recipe.h"
#include "report/origin.h"
#include "report/page.h"
#include "report/scatter_drawing.h"
#include "report/trust.h"
#include "study/search_result.h"

namespace thimble::report {
namespace {

using nlohmann::json;
using study::Candidate;

struct Source {
  study::SearchSoFar search;
  study::SearchResult result;
  std::vector<study::Trial> trials;
  std::string text;
  std::string version;

  const Candidate& whole() const { return search.candidates.front(); }
};

Source read(study::Storage& storage) {
  Source source{study::read_search(storage), {}, storage.trials(), storage.study_text(), storage.version()};
  source.result = study::result_of(source.search.candidates, source.search.options.weights);
  return source;
}

bool is_on_front(const Source& source, size_t i) {
  return std::find(source.result.front.begin(), source.result.front.end(), i) != source.result.front.end();
}

std::string final_recipe(const Source& source, const Candidate& candidate) {
  return study::recipe_of({candidate.genes, candidate.rung}, source.search.options, study::MeasuredOn::kTest);
}

/// A candidate's stages that make it, a line each.
std::string stages_of(const Source& source, const Candidate& candidate) {
  const pipeline::Recipe recipe =
      pipeline::parse_recipe(final_recipe(source, candidate), "The search's recipe");
  std::vector<std::string> lines;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    if (makes_network(recipe.stages[i])) lines.push_back(recipe.stage_texts[i]);
  }
  if (recipe.training_part < 1)
    lines.push_back(fmt::format("on {} of the training samples", percent(recipe.training_part)));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string bytes(double value) { return grouped(static_cast<uint64_t>(value)) + " B"; }

/// A figure that does not part from its unit.
std::string unbroken(std::string text) {
  if (const size_t blank = text.find(' '); blank != std::string::npos) text.replace(blank, 1, "&nbsp;");
  return text;
}

std::string figures_of(const Candidate& candidate) {
  const pipeline::Objectives& o = candidate.objectives;
  return fmt::format("{} error, {:.3g} ms, {} of RAM, {} of flash", percent(o[0]), o[1], bytes(o[2]),
                     bytes(o[3]));
}

std::string marks_of(const Source& source, size_t i) {
  std::string marks;
  if (i == source.result.chosen) marks += " (chosen)";
  if (i == source.result.knee) marks += " (knee)";
  return marks;
}

/// Error against a cost of what keeps the limits and lies within the reference point, the front filled.
std::string front_drawing(const Source& source, size_t cost, const std::string& title, double unit) {
  std::vector<ScatterPoint> points;
  size_t outside = 0;
  for (const size_t i : source.result.feasible) {
    const Candidate& candidate = source.search.candidates[i];
    const pipeline::Objectives& o = candidate.objectives;
    if (!std::equal(o.begin(), o.end(), source.result.reference.begin(), std::less<>())) {
      ++outside;
      continue;
    }
    const bool is_marked = i == source.result.chosen || i == source.result.knee;
    points.push_back({.x = o[cost] / unit,
                      .y = 100 * o[0],
                      .label = is_marked ? fmt::format("{}{}", candidate.id, marks_of(source, i)) : "",
                      .tip = fmt::format("candidate {}{}: {}\n{}", candidate.id, marks_of(source, i),
                                         figures_of(candidate), stages_of(source, candidate)),
                      .filled = is_on_front(source, i)});
  }
  // What is filled is not covered by what is not.
  std::stable_partition(points.begin(), points.end(),
                        [](const ScatterPoint& point) { return !point.filled; });
  std::string caption = "Filled are those that no other beats in error, latency, RAM and flash.";
  if (outside > 0) caption += fmt::format(" {} more lie outside the box of the hypervolume.", outside);
  if (points.size() < 2) return "";
  return scatter_drawing(points, {title, 0}, {"error, %", points.front().y}, caption);
}

/// The hypervolume after each candidate, as a line.
std::string hypervolume_drawing(const Source& source) {
  const std::vector<double>& values = source.result.hypervolume;
  if (values.size() < 2 || !(values.back() > 0)) return "";
  constexpr double kWidth = 640;
  constexpr double kHeight = 200;
  constexpr double kLeft = 64;
  constexpr double kRight = kWidth - 20;
  constexpr double kTop = 26;
  constexpr double kBottom = kHeight - 44;
  const auto count = static_cast<double>(values.size());
  const double most = 1.05 * values.back();
  const auto x = [&](double number) { return kLeft + (kRight - kLeft) * number / count; };
  const auto y = [&](double value) { return kBottom - (kBottom - kTop) * value / most; };
  std::string svg = fmt::format(
      "<figure><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"hypervolume over candidates\">"
      "<g stroke=\"var(--rule)\" fill=none><path d=\"M{} {}V{}H{}\"/>",
      kWidth, kHeight, kLeft, kTop, kBottom, kRight);
  std::string numbers;
  for (const double tick : round_steps(0, count, 6)) {
    svg += fmt::format("<path d=\"M{:.1f} {}v5\"/>", x(tick), kBottom);
    numbers += fmt::format("<text x={:.1f} y={} text-anchor=middle>{:g}</text>", x(tick), kBottom + 18, tick);
  }
  for (const double tick : round_steps(0, most, 4)) {
    svg += fmt::format("<path d=\"M{} {:.1f}H{}\"/>", kLeft - 5, y(tick), kRight);
    numbers += fmt::format("<text x={} y={:.1f} text-anchor=end>{:g}</text>", kLeft - 9, y(tick) + 4, tick);
  }
  std::string steps = fmt::format("M{:.1f} {:.1f}", x(0), y(0));
  for (size_t i = 0; i < values.size(); ++i)
    steps += fmt::format("H{:.1f}V{:.1f}", x(static_cast<double>(i + 1)), y(values[i]));
  return svg + fmt::format(
                   "</g><g font-size=12 fill=\"var(--faint)\">{}<text x={} y={} text-anchor=end>candidates"
                   "</text><text x=0 y=12>hypervolume</text></g><path d=\"{}\" fill=none "
                   "stroke=\"var(--bar)\" stroke-width=2 /></svg><figcaption>The part that is dominated of "
                   "the box between nothing and {}, {:.2f} ms, {} of RAM and {} of flash: 1.1 times what the "
                   "whole network costs in 8 bits.</figcaption></figure>\n",
                   numbers, kRight, kHeight - 8, steps, percent(source.result.reference[0]) + " error",
                   source.result.reference[1], bytes(source.result.reference[2]),
                   bytes(source.result.reference[3]));
}

std::string front_table(const Source& source) {
  std::vector<size_t> places(source.result.front.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) {
    return source.result.objective[a].value_or(1e300) < source.result.objective[b].value_or(1e300);
  });
  std::string html =
      "<div class=wide><table><tr><th>candidate</th><th>rung</th><th>error</th><th>latency</th><th>RAM</th>"
      "<th>flash</th><th>J</th><th class=text>recipe</th></tr>\n";
  for (const size_t place : places) {
    const size_t i = source.result.front[place];
    const Candidate& candidate = source.search.candidates[i];
    const pipeline::Objectives& o = candidate.objectives;
    const auto j = source.result.objective[place];
    html += fmt::format(
        "<tr><td>{}{}</td><td>{}</td><td>{}</td><td>{:.2f}&nbsp;ms</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=\"text note\">{}</td></tr>\n",
        candidate.id, marks_of(source, i), candidate.rung, unbroken(percent(o[0])), o[1],
        unbroken(bytes(o[2])), unbroken(bytes(o[3])), j ? fmt::format("{:.3f}", *j) : "-",
        escaped(study::describe(candidate.genes, source.search.options)));
  }
  return html + "</table></div>\n";
}

std::string summary(const Source& source) {
  std::vector<size_t> of_rung(static_cast<size_t>(source.search.options.rungs));
  size_t failed = 0;
  for (const Candidate& candidate : source.search.candidates) {
    ++of_rung.at(static_cast<size_t>(candidate.rung));
    failed += candidate.objectives.empty() ? 1 : 0;
  }
  const std::string rungs = of_rung.size() == 1
                                ? ""
                                : fmt::format(" ({} on the rungs from the shortest training to the longest)",
                                              fmt::join(of_rung, ", "));
  std::string html = fmt::format(
      "<p>{} candidates were measured{}, {} failed, {} keep the limits, and no other beats {} of them. "
      "Errors "
      "are of people or samples held out of the training data. The hypervolume is {:.4f}.</p>\n",
      source.search.candidates.size(), rungs, failed, source.result.feasible.size(),
      source.result.front.size(), source.result.hypervolume.back());
  html += fmt::format("<p>The whole network in 8 bits: {}.</p>\n", escaped(figures_of(source.whole())));
  if (!source.result.chosen) return html + "<p>Nothing keeps the limits yet.</p>\n";
  html += fmt::format("<p>The least J, chosen, has candidate {}: {}.</p>\n",
                      source.search.candidates[*source.result.chosen].id,
                      escaped(figures_of(source.search.candidates[*source.result.chosen])));
  if (source.result.knee == source.result.chosen) return html + "<p>It is the knee of the front, too.</p>\n";
  if (source.result.knee) {
    html += fmt::format("<p>The knee of the front is candidate {}: {}.</p>\n",
                        source.search.candidates[*source.result.knee].id,
                        escaped(figures_of(source.search.candidates[*source.result.knee])));
  }
  return html;
}

std::string code(const std::string& text) {
  return fmt::format("<pre class=wide><code>{}</code></pre>\n", escaped(text));
}

std::string failed_trials(const Source& source) {
  std::vector<Row> rows;
  for (const study::Trial& trial : source.trials) {
    if (trial.state == study::TrialState::kFailed) rows.push_back({trial.key.technique, trial.error});
  }
  return rows.empty() ? "" : table({"failed", "error"}, rows);
}

std::string_view state_of(const Source& source, const Candidate& candidate) {
  if (candidate.objectives.empty()) return "failed";
  if (candidate.excess > 0) return "misses a limit";
  const auto i = static_cast<size_t>(&candidate - source.search.candidates.data());
  return is_on_front(source, i) ? "front" : "beaten";
}

}  // namespace

std::string search_html(study::Storage& storage) {
  const Source source = read(storage);
  const study::SearchOptions& options = source.search.options;
  const std::string found = summary(source) + front_drawing(source, 1, "latency, ms", 1) +
                            front_drawing(source, 3, "flash, KB", 1024) +
                            front_drawing(source, 2, "RAM, KB", 1024) + hypervolume_drawing(source);
  const std::string chosen =
      source.result.chosen ? "<p>To run with \"thimble optimize\"; it is measured on the test split.</p>\n" +
                                 code(final_recipe(source, source.search.candidates[*source.result.chosen]))
                           : "";
  const std::string provenance = origin(storage) + code(source.text) + failed_trials(source);
  return page(
      fmt::format("A search on {}", options.data),
      fmt::format("recipes for {} on {}, by {}", options.model, options.device,
                  options.strategy == study::SearchStrategy::kNsga2 ? "NSGA-II" : "drawing at random"),
      section("What the search found", found) + section("The front, the least J first", front_table(source)) +
          section("The chosen recipe", chosen) +
          section("How far times can be trusted", trust({options.device})) +
          section("Where it comes from", provenance));
}

std::string search_csv(study::Storage& storage) {
  const Source source = read(storage);
  std::string csv = "candidate,rung,error,latency_ms,ram_bytes,flash_bytes,hypervolume,state\r\n";
  for (size_t i = 0; i < source.search.candidates.size(); ++i) {
    const Candidate& candidate = source.search.candidates[i];
    csv += fmt::format("{},{},", candidate.id, candidate.rung);
    const pipeline::Objectives& o = candidate.objectives;
    csv += o.empty() ? ",,,," : fmt::format("{},{},{},{},", o[0], o[1], o[2], o[3]);
    csv += fmt::format("{},{}\r\n", source.result.hypervolume[i], state_of(source, candidate));
  }
  return csv;
}

std::string search_json(study::Storage& storage) {
  const Source source = read(storage);
  json document = {{"version", source.version},
                   {"command", storage.command()},
                   {"inputs", storage.inputs()},
                   {"search", source.text},
                   {"reference", source.result.reference},
                   {"hypervolume", source.result.hypervolume},
                   {"candidates", json::array()}};
  const auto id_of = [&](const std::optional<size_t>& i) {
    return i ? json(source.search.candidates[*i].id) : json();
  };
  document["knee"] = id_of(source.result.knee);
  document["chosen"] = id_of(source.result.chosen);
  for (const Candidate& candidate : source.search.candidates) {
    json row = {{"candidate", candidate.id},
                {"rung", candidate.rung},
                {"state", state_of(source, candidate)},
                {"recipe", final_recipe(source, candidate)}};
    const pipeline::Objectives& o = candidate.objectives;
    if (!o.empty()) {
      row.update({{"error", o[0]}, {"latency_ms", o[1]}, {"ram_bytes", o[2]}, {"flash_bytes", o[3]}});
    }
    document["candidates"].push_back(std::move(row));
  }
  return deploy::text_of(document) + "\n";
}

}  // namespace thimble::report
