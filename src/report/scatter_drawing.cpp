#include "report/scatter_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page.h"

namespace thimble::report {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 280;
constexpr double kLeft = 64;
constexpr double kRight = kWidth - 110;  // labels stand right of their points
constexpr double kTop = 26;
constexpr double kBottom = kHeight - 44;

/// From values to places on the drawing.
struct Scale {
  double from;
  double to;
  double begin;
  double end;
  double operator()(double value) const { return begin + (end - begin) * (value - from) / (to - from); }
};

Scale scale_of(const std::vector<ScatterPoint>& points, double ScatterPoint::*value, double from,
               double begin, double end) {
  double to = from;
  for (const ScatterPoint& point : points) {
    from = std::min(from, point.*value);
    to = std::max(to, point.*value);
  }
  if (!(to > from)) to = from + 1;
  const double margin = (to - from) / 20;
  return {from == 0 ? 0 : from - margin, to + margin, begin, end};
}

}  // namespace

std::vector<double> round_steps(double from, double to, int steps) {
  const double width = (to - from) / steps;
  const double power = std::pow(10, std::floor(std::log10(width)));
  const double factor = width / power;
  const double step = power * (factor < 1.5 ? 1 : factor < 3.5 ? 2 : factor < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  for (double i = std::ceil(from / step - 1e-9); i * step <= to + 1e-9 * step; ++i)
    ticks.push_back(i * step + 0.0);  // no -0
  return ticks;
}

std::string scatter_drawing(const std::vector<ScatterPoint>& points, const ScatterAxis& x,
                            const ScatterAxis& y, std::string_view caption) {
  if (points.size() < 2) return "";
  const Scale across = scale_of(points, &ScatterPoint::x, x.from, kLeft, kRight);
  const Scale up = scale_of(points, &ScatterPoint::y, y.from, kBottom, kTop);
  std::string svg = fmt::format(
      "<figure><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"{} against {}\">"
      "<g stroke=\"var(--rule)\" fill=none><path d=\"M{} {}V{}H{}\"/>",
      kWidth, kHeight, escaped(y.title), escaped(x.title), kLeft, kTop, kBottom, kRight);
  std::string numbers;
  for (const double tick : round_steps(across.from, across.to, 5)) {
    svg += fmt::format("<path d=\"M{:.1f} {}v5\"/>", across(tick), kBottom);
    numbers +=
        fmt::format("<text x={:.1f} y={} text-anchor=middle>{:g}</text>", across(tick), kBottom + 18, tick);
  }
  for (const double tick : round_steps(up.from, up.to, 4)) {
    svg += fmt::format("<path d=\"M{} {:.1f}H{}\"/>", kLeft - 5, up(tick), kRight);
    numbers += fmt::format("<text x={} y={:.1f} text-anchor=end>{:g}</text>", kLeft - 9, up(tick) + 4, tick);
  }
  svg += fmt::format(
      "</g><g font-size=12 fill=\"var(--faint)\">{}<text x={} y={} text-anchor=end>{}</text>"
      "<text x=0 y=12>{}</text></g>",
      numbers, kRight, kHeight - 8, escaped(x.title), escaped(y.title));
  for (const ScatterPoint& point : points) {
    svg += fmt::format(
        "<circle cx={:.1f} cy={:.1f} r=5 fill=\"{}\" stroke=\"var(--bar)\" stroke-width=2 tabindex=0 "
        "data-tip=\"{}\" />",
        across(point.x), up(point.y), point.filled ? "var(--bar)" : "var(--back)", escaped(point.tip));
    if (point.label.empty()) continue;
    svg += fmt::format("<text x={:.1f} y={:.1f} font-size=12 fill=\"var(--ink)\">{}</text>",
                       across(point.x) + 9, up(point.y) + 4, escaped(point.label));
  }
  return svg + fmt::format("</svg><figcaption>{}</figcaption></figure>\n", caption);
}

}  // namespace thimble::report
