#include "data/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace thimble::data {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view where) : rest_(text), where_(where) {}

  CsvTable read() {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    if (const size_t zero = rest_.find('\0'); zero != std::string_view::npos) {
      line_ += static_cast<size_t>(
          std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(zero), '\n'));
      refuse("has a zero byte, so this is no text in UTF-8", "Save it as UTF-8 text with commas");
    }
    while (!rest_.empty()) {
      const size_t end = std::min(rest_.find('\n'), rest_.size());
      if (trimmed(rest_.substr(0, end)).empty()) {
        advance(std::min(end + 1, rest_.size()));
        continue;
      }
      read_row();
    }
    if (table_.rows() == 0) throw Error(where_, "has no rows", "Give a file with a sample a row");
    return std::move(table_);
  }

 private:
  [[noreturn]] void refuse(std::string_view reason, std::string_view remedy) const {
    throw Error(fmt::format("{}:{}", where_, line_), reason, remedy);
  }

  void advance(size_t bytes) {
    line_ += static_cast<size_t>(
        std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(bytes), '\n'));
    rest_.remove_prefix(bytes);
  }

  void read_row() {
    const size_t first_line = line_;
    const size_t first = table_.fields.size();
    while (true) {
      table_.fields.push_back(read_field());
      if (rest_.empty() || rest_.front() == '\n') break;
      rest_.remove_prefix(1);  // the comma
    }
    const size_t fields = table_.fields.size() - first;
    if (table_.columns == 0) table_.columns = fields;
    if (fields != table_.columns) {
      line_ = first_line;
      refuse(fmt::format("has {} fields, the first row has {}", fields, table_.columns),
             "Give every row the same number of fields");
    }
    table_.lines.push_back(first_line);
    if (!rest_.empty()) advance(1);
  }

  /// Up to the comma or line break, which stays.
  std::string_view read_field() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    if (rest_.starts_with('"')) return read_quoted();
    const size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
    const std::string_view field = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return field;
  }

  std::string_view read_quoted() {
    std::string_view field;
    std::string* joined = nullptr;
    rest_.remove_prefix(1);
    while (true) {
      const size_t quote = rest_.find('"');
      if (quote == std::string_view::npos)
        refuse("has a quote that is not closed", "Close it, or double it within a field");
      const bool doubled = rest_.substr(quote + 1).starts_with('"');
      const std::string_view part = rest_.substr(0, quote + (doubled ? 1 : 0));
      if (doubled && joined == nullptr) joined = &table_.unquoted.emplace_back();
      if (joined != nullptr) *joined += part;
      field = part;
      advance(quote + (doubled ? 2 : 1));
      if (!doubled) break;
    }
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
    if (!rest_.empty() && rest_.front() != ',' && rest_.front() != '\n') {
      refuse("has text after the closing quote of a field", "Double a quote that is within a field");
    }
    return joined != nullptr ? std::string_view(*joined) : field;
  }

  std::string_view rest_;
  std::string_view where_;
  size_t line_ = 1;
  CsvTable table_;
};

}  // namespace

CsvTable read_csv(std::string_view text, std::string_view where) { return CsvReader(text, where).read(); }

}  // namespace thimble::data
