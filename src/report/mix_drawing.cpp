#include "report/mix_drawing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/page.h"
#include "report/scatter_drawing.h"

namespace thimble::report {

using nlohmann::json;

std::string mix_drawing(const json& mixed) {
  std::vector<ScatterPoint> points;
  double least = 100;
  double fewest = 0;
  for (const json& mix : mixed.at("front")) {
    if (!mix.at("accuracy").is_number()) continue;
    const double bytes = mix.at("weights_bytes").get<double>();
    const double accuracy = 100 * mix.at("accuracy").get<double>();
    const bool chosen = mix.at("bits") == mixed.at("chosen").at("bits");
    std::string tip =
        fmt::format("{} B of weights, {:.2f} %", grouped(mix.at("weights_bytes").get<uint64_t>()), accuracy);
    if (mix.at("cycles").is_number())
      tip += fmt::format(", {} cycles", grouped(mix["cycles"].get<uint64_t>()));
    for (const auto& [layer, bits] : mix.at("bits").items())
      tip += fmt::format("\n{}: {} bits", layer, bits.get<int>());
    points.push_back({bytes, accuracy, chosen ? "chosen" : "", tip, chosen});
    least = std::min(least, accuracy);
    fewest = points.size() == 1 ? bytes : std::min(fewest, bytes);
  }
  return scatter_drawing(
      points, {"weights, bytes", fewest}, {"accuracy, %", least},
      fmt::format("Accuracy on the calibration samples, before roundings are fitted, of {} of the {} "
                  "mixes that no other beats. Point at one for its layers' bits.",
                  points.size(), mixed.at("front").size()));
}

std::string mix_html(std::string_view model, const json& mixed) {
  std::string rows;
  for (const json& width : mixed.at("layers")) {
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.6f}</td></tr>\n",
                        escaped(width.at("layer").get<std::string>()), width.at("bits").get<int>(),
                        grouped(width.at("weights_bytes").get<uint64_t>()),
                        width.at("cycles").is_number() ? grouped(width["cycles"].get<uint64_t>()) : "-",
                        width.at("divergence").get<double>());
  }
  return page(model, "8 and 4 bits by layer",
              section("Accuracy against bytes", mix_drawing(mixed)) +
                  section("What each layer's bits cost",
                          "<table><tr><th>layer</th><th>bits</th><th>bytes</th><th>cycles</"
                          "th><th>divergence</th></tr>\n" +
                              rows + "</table>"));
}

}  // namespace thimble::report
