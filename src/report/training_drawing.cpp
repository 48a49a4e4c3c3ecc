#include "report/training_drawing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/page.h"

namespace thimble::report {

using nlohmann::json;

std::string training_drawing(const std::vector<json>& metrics) {
  struct Begin {
    size_t epoch;
    std::string name;
  };
  std::vector<double> accuracies;
  std::vector<double> losses;
  std::vector<Begin> begins;
  std::string ends;
  const char* measured_on = "the test split";
  for (const json& line : metrics) {
    const std::string stage = line.value("stage", "");
    if (line.value("test_accuracy", json()).is_number()) {
      if (line.value("held_out", false)) measured_on = "samples held out of the training data";
      ends += fmt::format("{}{} {}", ends.empty() ? "" : ", ", stage,
                          percent(line["test_accuracy"].get<double>()));
    }
    if (!line.value("accuracy", json()).is_number() || !line.value("loss", json()).is_number()) continue;
    const std::string name =
        line.contains("step") ? fmt::format("{} {}", stage, line["step"].get<int>()) : stage;
    if (begins.empty() || begins.back().name != name) begins.push_back({accuracies.size(), name});
    accuracies.push_back(line["accuracy"].get<double>());
    losses.push_back(line["loss"].get<double>());
  }
  if (accuracies.size() < 2) return "";

  constexpr double kWidth = 640;
  constexpr double kHeight = 180;
  constexpr double kLeft = 48;
  constexpr double kTop = 26;
  constexpr double kBottom = kHeight - 12;
  const double low = *std::min_element(accuracies.begin(), accuracies.end());
  const double high = *std::max_element(accuracies.begin(), accuracies.end());
  const double range = high > low ? high - low : 1;
  const auto x = [&](size_t epoch) {
    return kLeft +
           (kWidth - kLeft - 10) * static_cast<double>(epoch) / static_cast<double>(accuracies.size() - 1);
  };
  const auto y = [&](double accuracy) { return kBottom - (kBottom - kTop) * (accuracy - low) / range; };
  std::string svg =
      fmt::format("<figure><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"accuracy in training by epoch\">",
                  kWidth, kHeight);
  for (const Begin& begin : begins) {
    svg += fmt::format(
        "<line x1={0:.1f} x2={0:.1f} y1={1} y2={2} stroke=\"var(--rule)\"/>"
        "<text x={3:.1f} y=14 font-size=12 fill=\"var(--faint)\">{4}</text>",
        x(begin.epoch), kTop - 6, kBottom, x(begin.epoch) + 2, escaped(begin.name));
  }
  std::string points;
  for (size_t i = 0; i < accuracies.size(); ++i)
    points += fmt::format("{:.1f},{:.1f} ", x(i), y(accuracies[i]));
  svg += fmt::format("<polyline points=\"{}\" fill=none stroke=\"var(--bar)\" stroke-width=2 />", points);
  for (size_t i = 0; i < accuracies.size(); ++i) {
    svg += fmt::format(
        "<circle cx={:.1f} cy={:.1f} r=4 fill=\"transparent\"><title>epoch {}: {} of the training samples, "
        "loss {:.4f}</title></circle>",
        x(i), y(accuracies[i]), i + 1, percent(accuracies[i]), losses[i]);
  }
  return svg +
         fmt::format(
             "<g font-size=12 fill=\"var(--faint)\"><text x=0 y={:.1f}>{}</text><text x=0 y={:.1f}>{}"
             "</text></g></svg><figcaption>Accuracy on the training samples over {} epochs{}.</figcaption>"
             "</figure>\n",
             y(high) + 4, percent(high), y(low), percent(low), accuracies.size(),
             ends.empty() ? "" : escaped(fmt::format("; on {} after each stage: {}", measured_on, ends)));
}

}  // namespace thimble::report
