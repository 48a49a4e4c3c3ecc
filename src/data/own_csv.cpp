#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "data/csv.h"
#include "data/own_data.h"
#include "data/own_split.h"
#include "data/parse_number.h"

namespace thimble::data {
namespace {

constexpr uint64_t kLimitBytes = uint64_t{1} << 32;
constexpr size_t kMostClasses = 1000;

/// What each column of the file is.
struct Columns {
  std::vector<size_t> features;
  std::vector<std::string> feature_names;  ///< empty without a header
  size_t label = 0;
  std::optional<size_t> split;
  std::optional<size_t> group;
  bool has_header = false;
};

/// What a header can call a column that is no feature.
enum class Role : uint8_t { kFeature, kLabel, kSplit, kGroup };
Role role_of(std::string_view name) {
  return name == "label"                        ? Role::kLabel
         : name == "split"                      ? Role::kSplit
         : name == "group" || name == "subject" ? Role::kGroup
                                                : Role::kFeature;
}

/// A header is a first row without any number (a row of data has at least one feature), or one that calls a
/// column by its role, as no other row does (a class of that name comes again): pandas calls columns without
/// a name 0, 1, 2.
bool is_header(const CsvTable& table) {
  bool has_number = false;
  for (size_t c = 0; c < table.columns; ++c) {
    float ignored = 0;
    has_number |= parse_float(table.at(0, c), ignored) != Parsed::kNotANumber;
  }
  if (!has_number) return true;
  const auto names_its_column = [&](size_t c) {
    if (role_of(table.at(0, c)) == Role::kFeature) return false;
    for (size_t row = 1; row < table.rows(); ++row) {
      if (table.at(row, c) == table.at(0, c)) return false;
    }
    return true;
  };
  for (size_t c = 0; c < table.columns; ++c) {
    if (names_its_column(c)) return true;
  }
  return false;
}

Columns columns_of(const CsvTable& table, const std::string& where) {
  Columns columns;
  columns.has_header = is_header(table);
  std::optional<size_t> label;
  std::vector<bool> is_feature(table.columns, true);
  for (size_t c = 0; c < table.columns && columns.has_header; ++c) {
    const std::string_view name = table.at(0, c);
    const Role of_name = role_of(name);
    if (name.empty()) {
      throw Error(
          fmt::format("{}:{}", where, table.lines[0]), fmt::format("has no name for column {}", c + 1),
          "Name it; if it only counts the rows (pandas' index), save without it: to_csv(..., index=False)");
    }
    if (of_name == Role::kFeature) continue;
    std::optional<size_t>* role = of_name == Role::kLabel   ? &label
                                  : of_name == Role::kSplit ? &columns.split
                                                            : &columns.group;
    if (*role)
      throw Error(fmt::format("{}:{}", where, table.lines[0]),
                  fmt::format("has two columns for the {}", name), "Leave one out");
    *role = c;
    is_feature[c] = false;
  }
  if (!label) {
    const auto last = std::find(is_feature.rbegin(), is_feature.rend(), true);
    if (last != is_feature.rend()) label = static_cast<size_t>(is_feature.rend() - last) - 1;
  }
  if (label) is_feature[*label] = false;
  for (size_t c = 0; c < table.columns; ++c) {
    if (!is_feature[c]) continue;
    columns.features.push_back(c);
    if (columns.has_header) columns.feature_names.emplace_back(table.at(0, c));
  }
  if (!label || columns.features.empty()) {
    throw Error(fmt::format("{}:{}", where, table.lines[0]),
                fmt::format("has {} columns, too few for features and a class", table.columns),
                "Separate the fields by commas: the features, then the class");
  }
  columns.label = *label;
  return columns;
}

class CsvLoader {
 public:
  explicit CsvLoader(const std::filesystem::path& file)
      : file_(file),
        where_(file.string()),
        text_(read_text(file, kLimitBytes)),
        table_(read_csv(text_, where_)),
        columns_(columns_of(table_, where_)),
        first_(columns_.has_header ? 1 : 0) {}

  TrainAndTest load() {
    if (table_.rows() == first_)
      throw Error(where_, "has a header and no rows", "Give a file with a sample a row");
    all_.name = file_.stem().string();
    all_.sample_shape = {1, 1, static_cast<int32_t>(columns_.features.size())};
    all_.channel_names = columns_.feature_names;
    std::string provenance =
        sha256(std::as_bytes(std::span<const char>(text_))) + "  " + file_.filename().string() + "\n";
    read_features();
    read_labels();
    if (columns_.group) read_groups();
    const std::vector<Split> splits = read_splits(provenance);
    all_.sha256 = sha256(std::as_bytes(std::span<const char>(provenance)));
    return split_own_data(std::move(all_), splits, where_);
  }

 private:
  std::string line_of(size_t row) const { return fmt::format("{}:{}", where_, table_.lines[row]); }

  std::string name_of(size_t column) const {
    return columns_.has_header ? fmt::format("column \"{}\"", table_.at(0, column))
                               : fmt::format("column {}", column + 1);
  }

  void read_features() {
    all_.values.reserve((table_.rows() - first_) * columns_.features.size());
    for (size_t row = first_; row < table_.rows(); ++row) {
      for (const size_t column : columns_.features) {
        const std::string_view field = table_.at(row, column);
        float value = 0;
        const Parsed parsed = parse_float(field, value);
        if (parsed != Parsed::kNumber) {
          throw Error(line_of(row),
                      field.empty() ? fmt::format("has nothing in {}", name_of(column))
                                    : fmt::format("has \"{}\" in {}, which is not a {}", field.substr(0, 40),
                                                  name_of(column),
                                                  parsed == Parsed::kNotFinite ? "finite number" : "number"),
                      "Give every feature of every sample a number, or leave that row or column out");
        }
        all_.values.push_back(value);
      }
    }
  }

  void read_labels() {
    std::map<std::string_view, int32_t> labels;
    for (size_t row = first_; row < table_.rows(); ++row) {
      const std::string_view name = table_.at(row, columns_.label);
      if (name.empty())
        throw Error(line_of(row), fmt::format("has no class (in {})", name_of(columns_.label)),
                    "Give every row a class");
      labels[name] = 0;
    }
    if (labels.size() > kMostClasses) {
      throw Error(where_,
                  fmt::format("has {} classes in {}; at most {} are read", labels.size(),
                              name_of(columns_.label), kMostClasses),
                  "Make the last column the class, or call that column \"label\"");
    }
    std::vector<std::string> names;
    for (const auto& [name, label] : labels) names.emplace_back(name);
    all_.class_names = sorted_names(std::move(names));
    for (size_t i = 0; i < all_.class_names.size(); ++i)
      labels.at(all_.class_names[i]) = static_cast<int32_t>(i);
    for (size_t row = first_; row < table_.rows(); ++row)
      all_.labels.push_back(labels.at(table_.at(row, columns_.label)));
  }

  /// A group's number is its own where all are integers, else its place among their names.
  void read_groups() {
    std::map<std::string_view, int32_t> numbers;
    bool all_integers = true;
    for (size_t row = first_; row < table_.rows(); ++row) {
      const std::string_view name = table_.at(row, *columns_.group);
      if (name.empty())
        throw Error(line_of(row), fmt::format("has no {}", table_.at(0, *columns_.group)),
                    "Give every row one");
      int32_t number = 0;
      all_integers = parse_integer(name, number) && all_integers;
      numbers[name] = number;
    }
    int32_t place = 0;
    for (auto& [name, number] : numbers) {
      if (!all_integers) number = place++;
    }
    for (size_t row = first_; row < table_.rows(); ++row)
      all_.groups.push_back(numbers.at(table_.at(row, *columns_.group)));
  }

  /// From the column, or from a file beside: data.csv and data.split.csv, with a row for each.
  std::vector<Split> read_splits(std::string& provenance) const {
    std::vector<Split> splits;
    if (columns_.split) {
      for (size_t row = first_; row < table_.rows(); ++row)
        splits.push_back(parse_split(table_.at(row, *columns_.split), line_of(row)));
      return splits;
    }
    const std::filesystem::path beside = std::filesystem::path(file_).replace_extension(".split.csv");
    if (std::filesystem::symlink_status(beside).type() == std::filesystem::file_type::not_found)
      return splits;
    const std::string text = read_text(beside, kLimitBytes);
    const CsvTable table = read_csv(text, beside.string());
    if (table.columns != 1) {
      throw Error(beside.string(), fmt::format("has {} columns", table.columns),
                  "Give it one: train or test, for each sample in order");
    }
    for (size_t row = table.at(0, 0) == "split" ? 1 : 0; row < table.rows(); ++row)
      splits.push_back(
          parse_split(table.at(row, 0), fmt::format("{}:{}", beside.string(), table.lines[row])));
    if (splits.size() != all_.size()) {
      throw Error(beside.string(),
                  fmt::format("has {} rows for the {} samples of {}", splits.size(), all_.size(), where_),
                  "Give it one row for each sample, in the same order");
    }
    provenance +=
        sha256(std::as_bytes(std::span<const char>(text))) + "  " + beside.filename().string() + "\n";
    return splits;
  }

  const std::filesystem::path file_;
  const std::string where_;
  const std::string text_;
  const CsvTable table_;
  const Columns columns_;
  const size_t first_;  ///< row of data
  Dataset all_;
};

}  // namespace

TrainAndTest load_csv_file(const std::filesystem::path& file) { return CsvLoader(file).load(); }

}  // namespace thimble::data
