#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

/// A text in quotes, as TOML (version 1.0, "String") has it: control characters and quotes are escaped.
std::string toml_string(std::string_view text);

/// A TOML table read strictly: every value has one type and a range, and a key that nobody asked for is an
/// error, so that a misspelt key is never silently without effect. Every Error names the file, the line, the
/// key and what fits.
class TomlTable {
 public:
  /// Parses a document. `where` names it in errors.
  static TomlTable parse(std::string_view text, std::string_view where);

  TomlTable(TomlTable&&) noexcept;
  TomlTable& operator=(TomlTable&&) noexcept;
  ~TomlTable();

  /// Whether the key is there; asking makes it known.
  bool has(std::string_view key);
  /// Whether it is there and a text.
  bool is_text(std::string_view key);

  // A value that must be there, or, with a default, may be left out. Numbers must lie in [low, high].
  std::string text(std::string_view key);
  std::string text(std::string_view key, std::string_view otherwise);
  int64_t integer(std::string_view key, int64_t low, int64_t high);
  int64_t integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise);
  double number(std::string_view key, double low, double high);
  double number(std::string_view key, double low, double high, double otherwise);
  bool flag(std::string_view key, bool otherwise);

  /// A list that must be there and hold something; every element as in integer() and text().
  std::vector<int64_t> integers(std::string_view key, int64_t low, int64_t high);
  std::vector<std::string> texts(std::string_view key);

  /// One of the words, or the first of them when the key is left out.
  std::string choice(std::string_view key, const std::vector<std::string>& words);

  /// A sub-table, if there is one, and an array of tables ([[key]]), empty if there is none.
  std::optional<TomlTable> table(std::string_view key);
  std::vector<TomlTable> tables(std::string_view key);

  /// The table as TOML on one line, "{ do = \"train\", epochs = 3 }", keys in the order of the alphabet, with
  /// those that it lacks from the first of `defaults` that has them.
  std::string inline_toml(std::initializer_list<const TomlTable*> defaults = {}) const;

  /// The keys in the order of the alphabet.
  std::vector<std::string> keys() const;

  /// Throws Error naming the first key that nobody asked for, and those that exist here.
  void expect_no_other_keys() const;

  /// An Error at this table's place in its file.
  [[noreturn]] void fail(std::string_view key, std::string_view reason, std::string_view remedy) const;

 private:
  struct State;
  explicit TomlTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace thimble
