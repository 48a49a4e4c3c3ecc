#pragma once

#include <string>
#include <vector>

namespace thimble::cli {

/// Text in aligned columns: words at their left, figures at their right; the first is always of words.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// The table with a rule below its header, each line ended by a newline and without trailing spaces.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace thimble::cli
