#include "report/profile_section.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/page.h"

namespace thimble::report {
namespace {

using nlohmann::json;

uint64_t figure(const json& layer, const char* key) {
  return layer.contains(key) && layer[key].is_number() ? layer[key].get<uint64_t>() : 0;
}

std::string layer_table(const json& layers) {
  uint64_t most = 1;
  for (const json& layer : layers) most = std::max(most, figure(layer, "cycles"));
  std::string html =
      "<div class=wide><table><tr><th>layer</th><th "
      "class=text>operator</th><th>MACs</th><th>instructions</th><th>cycles</th>"
      "<th>arena</th><th>weights</th><th></th></tr>\n";
  const auto number = [](const json& layer, const char* key) {
    return layer.contains(key) && layer[key].is_number() ? grouped(layer[key].get<uint64_t>())
                                                         : std::string("-");
  };
  for (const json& layer : layers) {
    html += fmt::format(
        "<tr><td>{}</td><td class=text>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=bar><div style=\"width:{:.1f}%\"></div></td></tr>\n",
        escaped(layer.value("name", "")), escaped(layer.value("op", "")), number(layer, "macs"),
        number(layer, "instructions"), number(layer, "cycles"), number(layer, "arena_bytes"),
        number(layer, "weights_bytes"),
        100.0 * static_cast<double>(figure(layer, "cycles")) / static_cast<double>(most));
  }
  return html +
         "</table></div>\n<p class=lead>Bytes and estimated cycles of one inference; bars show cycles.</p>";
}

/// The arena over time: a column a layer.
std::string memory_drawing(const json& layers) {
  uint64_t most = 1;
  for (const json& layer : layers) most = std::max(most, figure(layer, "arena_bytes"));
  constexpr double kWidth = 640;
  constexpr double kHeight = 150;
  constexpr double kTop = 24;
  constexpr double kBottom = kHeight - 8;
  const double step = kWidth / static_cast<double>(layers.size());
  std::string svg = fmt::format(
      "<figure><svg viewBox=\"0 0 {0} {1}\" role=img aria-label=\"memory over time\">"
      "<line x1=0 x2={0} y1={2} y2={2} stroke=\"var(--rule)\"/>",
      kWidth, kHeight, kBottom);
  for (size_t i = 0; i < layers.size(); ++i) {
    const uint64_t bytes = figure(layers[i], "arena_bytes");
    const double height = (kBottom - kTop) * static_cast<double>(bytes) / static_cast<double>(most);
    svg += fmt::format(
        "<rect x={:.1f} y={:.1f} width={:.1f} height={:.1f} fill=\"var(--bar)\"><title>{}: {} "
        "B</title></rect>",
        step * static_cast<double>(i) + 1, kBottom - height, std::max(step - 2, 1.0), height,
        escaped(layers[i].value("name", "")), grouped(bytes));
  }
  return svg + fmt::format(
                   "<text x=0 y=14 font-size=12 fill=\"var(--faint)\">{} B</text></svg><figcaption>Memory "
                   "over time: bytes of the arena that are live while each layer runs, from the first to the "
                   "last.</figcaption></figure>\n",
                   grouped(most));
}

}  // namespace

std::string profile_section(const nlohmann::json& profile) {
  const json layers = profile.value("layers", json::array());
  if (layers.empty()) return "";
  return layer_table(layers) + memory_drawing(layers);
}

}  // namespace thimble::report
