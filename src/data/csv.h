#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::data {

/// Rows of the same number of fields, in one piece.
struct CsvTable {
  size_t columns = 0;
  std::vector<std::string_view>
      fields;                        ///< a row after the other; they look into the text or into `unquoted`
  std::vector<size_t> lines;         ///< the line of the text, from 1, that each row begins at
  std::deque<std::string> unquoted;  ///< the fields that had quotes within them

  size_t rows() const { return lines.size(); }
  std::string_view at(size_t row, size_t column) const { return fields[row * columns + column]; }
};

/// Reads comma-separated values (RFC 4180: fields may be quoted, a quote within is doubled). Spaces around a
/// field, empty lines and a byte order mark are passed over. `text` must outlive the table; `where` names it
/// in errors. Throws Error naming the line when a row has another number of fields than the first, when a
/// quote is not closed or something follows it, and when the text has no row or is none (a zero byte).
CsvTable read_csv(std::string_view text, std::string_view where);

}  // namespace thimble::data
