#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace thimble::cli {

std::string Table::text() const {
  std::vector<size_t> width(rows_[0].size(), 0);
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
      if (c == 0) line += fmt::format("{:<{}}", rows_[r][c], width[c]);
      if (c > 0) line += fmt::format("  {:>{}}", rows_[r][c], width[c]);
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
