#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thimble::report {

struct ScatterPoint {
  double x = 0;
  double y = 0;
  std::string label;    ///< beside the point; may be empty
  std::string tip;      ///< shown where somebody points at it
  bool filled = false;  ///< stands out: on the front, say
};

struct ScatterAxis {
  std::string title;  ///< with the unit
  double from = 0;    ///< the axis begins at 0, or a little below this and every point
};

/// A figure of points that tell what they are when pointed at; nothing of fewer than two points. `caption` is
/// HTML.
std::string scatter_drawing(const std::vector<ScatterPoint>& points, const ScatterAxis& x,
                            const ScatterAxis& y, std::string_view caption);

/// Numbers of 1, 2 or 5 times a power of ten, ascending, that cut [from, to] into about `steps` parts: an
/// axis's ticks.
std::vector<double> round_steps(double from, double to, int steps);

}  // namespace thimble::report
