#include "data/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;
using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& text) {
  const CsvTable table = read_csv(text, "file");
  Rows rows;
  for (size_t r = 0; r < table.rows(); ++r) {
    rows.emplace_back();
    for (size_t c = 0; c < table.columns; ++c) rows.back().emplace_back(table.at(r, c));
  }
  return rows;
}

TEST(Csv, reads_rows_with_or_without_a_last_line_break) {
  const Rows expected = {{"a", "b"}, {"1", ""}};
  EXPECT_EQ(rows_of("a,b\n1,\n"), expected);
  EXPECT_EQ(rows_of("a,b\r\n1,"), expected);
  EXPECT_EQ(rows_of("\xef\xbb\xbf"
                    " a , b\n\n 1,\t\n   \n"),
            expected);
}

TEST(Csv, takes_quotes_off) {
  EXPECT_EQ(rows_of("\"a\",\"b,\"\"c\"\"\"\n \"1\n2\" ,\"\"\n"), (Rows{{"a", "b,\"c\""}, {"1\n2", ""}}));
}

TEST(Csv, names_the_line_of_what_is_not_right) {
  expect_error([] { rows_of("a,b\n\n1,2\n1,2,3\n"); }, "file:4: has 3 fields, the first row has 2");
  expect_error([] { rows_of("a,b\n\"1\n2\",2\n1\n"); }, "file:4: has 1 fields");
  expect_error([] { rows_of("a,b\n1,\"2\n"); }, "file:2: has a quote that is not closed");
  expect_error([] { rows_of("a,b\n1,\"2\"x\n"); }, "file:2: has text after the closing quote");
  expect_error([] { rows_of(std::string("a,b\n1\0,2\n", 9)); }, "file:2: has a zero byte");
  expect_error([] { rows_of(" \n\n"); }, "file: has no rows");
}

RC_GTEST_PROP(Csv, gives_back_what_was_written, ()) {
  const auto columns = *rc::gen::inRange<size_t>(1, 5);
  const auto rows = *rc::gen::container<Rows>(
      *rc::gen::inRange<size_t>(1, 6),
      rc::gen::container<std::vector<std::string>>(
          columns, rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', ' ', '7', '.'))));
  std::string text;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      text += c > 0 ? ",\"" : "\"";
      for (const char letter : row[c]) text += letter == '"' ? std::string("\"\"") : std::string(1, letter);
      text += '"';
    }
    text += '\n';
  }
  RC_ASSERT(rows_of(text) == rows);
}

RC_GTEST_PROP(Csv, of_any_text_is_a_table_or_an_error, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', ' ', '\r', '\0'));
  try {
    const CsvTable table = read_csv(text, "file");
    RC_ASSERT(table.fields.size() == table.rows() * table.columns);
  } catch (const Error&) {
  }
}

}  // namespace
}  // namespace thimble::data
