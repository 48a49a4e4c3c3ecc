#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace thimble::cli {

namespace {

/// Whether a cell reads as a figure: columns of those are aligned at their right.
bool is_figure(const std::string& cell) {
  return cell.empty() || std::isdigit(static_cast<unsigned char>(cell[0])) != 0 || cell[0] == '-' ||
         cell[0] == '+';
}

}  // namespace

std::string Table::text() const {
  std::vector<size_t> width(rows_[0].size(), 0);
  std::vector<bool> figures(rows_[0].size(), true);
  figures[0] = false;
  for (size_t r = 1; r < rows_.size(); ++r) {
    for (size_t c = 0; c < rows_[r].size(); ++c) figures[c] = figures[c] && is_figure(rows_[r][c]);
  }
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  }
  std::string result;
  const auto add_line = [&](std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + "\n";
  };
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < rows_[r].size(); ++c) {
      if (c > 0) line += "  ";
      line += figures[c] ? fmt::format("{:>{}}", rows_[r][c], width[c])
                         : fmt::format("{:<{}}", rows_[r][c], width[c]);
    }
    add_line(std::move(line));
    if (r > 0) continue;
    std::string rule;
    for (size_t c = 0; c < width.size(); ++c) rule += (c > 0 ? "  " : "") + std::string(width[c], '-');
    add_line(std::move(rule));
  }
  return result;
}

}  // namespace thimble::cli
