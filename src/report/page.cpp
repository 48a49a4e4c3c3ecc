#include "report/page.h"

#include <fmt/format.h>

namespace thimble::report {
namespace {

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
figure + figure { margin-top: 1.2rem; }
svg { width: 100%; max-width: 40rem; height: auto; }
code { font-size: .9em; overflow-wrap: anywhere; }
[data-tip] { cursor: pointer; }
#tip { position: absolute; max-width: 26rem; padding: .5rem .7rem; font-size: .85rem; white-space: pre-wrap;
       overflow-wrap: anywhere; background: var(--back); border: 1px solid var(--rule); border-radius: 4px; }
@media print { body { max-width: none; margin: 0; } h2 { break-after: avoid; } }
)";

/// What shows the text of the point that the mouse or the keyboard is at.
constexpr std::string_view kTips = R"(<div id=tip hidden></div><script>
const tip = document.getElementById("tip");
for (const point of document.querySelectorAll("[data-tip]")) {
  const show = () => {
    const box = point.getBoundingClientRect();
    tip.textContent = point.dataset.tip;
    tip.style.left = Math.min(box.left, innerWidth - 430) + scrollX + "px";
    tip.style.top = box.bottom + scrollY + 8 + "px";
    tip.hidden = false;
  };
  const hide = () => { tip.hidden = true; };
  point.addEventListener("mouseenter", show);
  point.addEventListener("focus", show);
  point.addEventListener("mouseleave", hide);
  point.addEventListener("blur", hide);
}
</script>
)";

}  // namespace

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

std::string page(std::string_view title, std::string_view lead, std::string_view body) {
  return fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<title>{0} - Thimble</title>\n"
      "<style>{1}</style></head><body>\n<h1>{0}</h1>\n<p class=lead>{2}</p>\n{3}{4}</body></html>\n",
      escaped(title), kStyle, escaped(lead), body,
      body.find("data-tip") == std::string_view::npos ? "" : kTips);
}

}  // namespace thimble::report
