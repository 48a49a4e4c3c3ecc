#include "base/toml_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/error.h"

namespace thimble {

struct TomlTable::State {
  std::string where;
  // Shared by the tables of a document: a copy of a table would lose the lines it was read from.
  std::shared_ptr<const toml::table> document;
  const toml::table* table;
  std::set<std::string, std::less<>> asked;

  const toml::node* find(std::string_view key) {
    asked.emplace(key);
    return table->get(key);
  }
  std::unique_ptr<State> below(const toml::table& sub_table) const {
    return std::make_unique<State>(State{where, document, &sub_table, {}});
  }
};

namespace {

std::string place(std::string_view where, const toml::source_region& source) {
  return source.begin.line > 0 ? fmt::format("{}:{}", where, source.begin.line) : std::string(where);
}

}  // namespace

TomlTable::TomlTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
TomlTable::TomlTable(TomlTable&&) noexcept = default;
TomlTable& TomlTable::operator=(TomlTable&&) noexcept = default;
TomlTable::~TomlTable() = default;

TomlTable TomlTable::parse(std::string_view text, std::string_view where) {
  try {
    auto state = std::make_unique<State>();
    state->where = where;
    state->document = std::make_shared<const toml::table>(toml::parse(text, where));
    state->table = state->document.get();
    return TomlTable(std::move(state));
  } catch (const toml::parse_error& error) {
    throw Error(place(where, error.source()), fmt::format("is not valid TOML ({})", error.description()),
                "Mend that line; toml.io describes the format");
  }
}

bool TomlTable::has(std::string_view key) { return state_->find(key) != nullptr; }

bool TomlTable::is_text(std::string_view key) {
  const toml::node* node = state_->find(key);
  return node != nullptr && node->is_string();
}

void TomlTable::fail(std::string_view key, std::string_view reason, std::string_view remedy) const {
  const toml::node* node = state_->table->get(key);
  throw Error(place(state_->where, node != nullptr ? node->source() : state_->table->source()),
              fmt::format("'{}' {}", key, reason), remedy);
}

std::string TomlTable::text(std::string_view key) {
  const toml::node* node = state_->find(key);
  if (node == nullptr) fail(key, "is missing", "Add it");
  const auto value = node->value_exact<std::string>();
  if (!value) fail(key, "is not a text", "Write it in quotes");
  return *value;
}

std::string TomlTable::text(std::string_view key, std::string_view otherwise) {
  return state_->find(key) == nullptr ? std::string(otherwise) : text(key);
}

int64_t TomlTable::integer(std::string_view key, int64_t low, int64_t high) {
  const toml::node* node = state_->find(key);
  if (node == nullptr)
    fail(key, "is missing", fmt::format("Add it: a whole number from {} to {}", low, high));
  const auto value = node->value_exact<int64_t>();
  if (!value || *value < low || *value > high) {
    fail(key, "does not fit", fmt::format("Give a whole number from {} to {}", low, high));
  }
  return *value;
}

int64_t TomlTable::integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise) {
  return state_->find(key) == nullptr ? otherwise : integer(key, low, high);
}

double TomlTable::number(std::string_view key, double low, double high) {
  const toml::node* node = state_->find(key);
  if (node == nullptr) fail(key, "is missing", fmt::format("Add it: a number from {} to {}", low, high));
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !(*value >= low && *value <= high)) {
    fail(key, "does not fit", fmt::format("Give a number from {} to {}", low, high));
  }
  return *value;
}

double TomlTable::number(std::string_view key, double low, double high, double otherwise) {
  return state_->find(key) == nullptr ? otherwise : number(key, low, high);
}

bool TomlTable::flag(std::string_view key, bool otherwise) {
  const toml::node* node = state_->find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<bool>();
  if (!value) fail(key, "does not fit", "Write true or false");
  return *value;
}

std::vector<int64_t> TomlTable::integers(std::string_view key, int64_t low, int64_t high) {
  const std::string remedy =
      fmt::format("Give a list of whole numbers from {} to {}: {} = [1, 2]", low, high, key);
  const toml::node* node = state_->find(key);
  if (node == nullptr) fail(key, "is missing", remedy);
  if (!node->is_array() || node->as_array()->empty()) fail(key, "does not fit", remedy);
  std::vector<int64_t> result;
  for (const toml::node& element : *node->as_array()) {
    const auto value = element.value_exact<int64_t>();
    if (!value || *value < low || *value > high) fail(key, "does not fit", remedy);
    result.push_back(*value);
  }
  return result;
}

std::vector<std::string> TomlTable::texts(std::string_view key) {
  const std::string remedy = fmt::format("Give a list of texts: {} = [\"a\", \"b\"]", key);
  const toml::node* node = state_->find(key);
  if (node == nullptr) fail(key, "is missing", remedy);
  if (!node->is_array() || node->as_array()->empty()) fail(key, "does not fit", remedy);
  std::vector<std::string> result;
  for (const toml::node& element : *node->as_array()) {
    const auto value = element.value_exact<std::string>();
    if (!value) fail(key, "does not fit", remedy);
    result.push_back(*value);
  }
  return result;
}

std::string TomlTable::inline_toml(std::initializer_list<const TomlTable*> defaults) const {
  toml::table table = *state_->table;
  for (const TomlTable* one : defaults) {
    for (const auto& [key, node] : *one->state_->table) table.insert(key, node);
  }
  table.is_inline(true);
  std::ostringstream text;
  text << table;
  return text.str();
}

std::string TomlTable::choice(std::string_view key, const std::vector<std::string>& words) {
  const std::string word = text(key, words.at(0));
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    fail(key, fmt::format("is \"{}\"", word), fmt::format("Take one of: {}", fmt::join(words, ", ")));
  }
  return word;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) {
  const toml::node* node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table()) fail(key, "is not a table", fmt::format("Write it as [{}]", key));
  return TomlTable(state_->below(*node->as_table()));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  const toml::node* node = state_->find(key);
  if (node == nullptr) return {};
  if (!node->is_array_of_tables())
    fail(key, "is not a list of tables", fmt::format("Write each as [[{}]]", key));
  std::vector<TomlTable> result;
  for (const toml::node& element : *node->as_array()) {
    result.push_back(TomlTable(state_->below(*element.as_table())));
  }
  return result;
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, node] : *state_->table) result.emplace_back(key.str());
  return result;
}

void TomlTable::expect_no_other_keys() const {
  for (const auto& [key, node] : *state_->table) {
    if (!state_->asked.contains(key.str())) {
      fail(key.str(), "is not known here", fmt::format("The keys are: {}", fmt::join(state_->asked, ", ")));
    }
  }
}

std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    result += is_control ? fmt::format("\\u{:04X}", static_cast<int>(c)) : std::string(1, c);
  }
  return result + '"';
}

}  // namespace thimble
