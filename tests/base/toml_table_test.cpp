#include "base/toml_table.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace thimble {
namespace {

using test::expect_error;

TomlTable parse(std::string_view text) { return TomlTable::parse(text, "f.toml"); }

TEST(TomlTable, reads_each_type) {
  TomlTable table = parse("a = \"word\"\nb = 3\nc = 0.5\nd = true\n");
  EXPECT_EQ(table.text("a"), "word");
  EXPECT_EQ(table.integer("b", 1, 3), 3);
  EXPECT_EQ(table.number("c", 0, 1), 0.5);
  EXPECT_EQ(table.number("b", 0, 5), 3.0);
  EXPECT_TRUE(table.flag("d", false));
  EXPECT_NO_THROW(table.expect_no_other_keys());
}

TEST(TomlTable, takes_the_default_of_a_key_that_is_left_out) {
  TomlTable table = parse("");
  EXPECT_EQ(table.text("a", "x"), "x");
  EXPECT_EQ(table.integer("b", 0, 9, 4), 4);
  EXPECT_EQ(table.number("c", 0, 9, 2.5), 2.5);
  EXPECT_FALSE(table.flag("d", false));
  EXPECT_EQ(table.choice("e", {"first", "second"}), "first");
  EXPECT_FALSE(table.table("t"));
  EXPECT_TRUE(table.tables("ts").empty());
}

TEST(TomlTable, names_file_and_line_of_text_that_is_not_toml) {
  expect_error([] { parse("a = 1\nb = = 2\n"); }, "f.toml:2: is not valid TOML");
}

TEST(TomlTable, names_a_key_that_is_missing) {
  expect_error([] { parse("a = 1").integer("b", 1, 5); },
               "'b' is missing. Add it: a whole number from 1 to 5.");
}

TEST(TomlTable, refuses_a_value_of_another_type_or_outside_its_range) {
  const std::string text = "\na = 9\nb = \"9\"\nc = nan\nd = 1.0\n";
  expect_error([&] { parse(text).integer("a", 1, 8); }, "f.toml:2: 'a' does not fit");
  expect_error([&] { parse(text).integer("b", 1, 9); }, "f.toml:3: 'b' does not fit");
  expect_error([&] { parse(text).number("c", 0, 9); }, "f.toml:4: 'c' does not fit");
  expect_error([&] { parse(text).integer("d", 0, 9); }, "f.toml:5: 'd' does not fit");
  expect_error([&] { parse(text).text("a"); }, "f.toml:2: 'a' is not a text");
  expect_error([&] { parse(text).flag("a", true); }, "Write true or false");
  expect_error([&] { parse(text).table("a"); }, "'a' is not a table");
  expect_error([&] { parse(text).tables("a"); }, "'a' is not a list of tables");
}

TEST(TomlTable, reads_lists) {
  EXPECT_EQ(parse("a = [3, 1]").integers("a", 0, 9), (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(parse("a = [\"x\"]").texts("a"), std::vector<std::string>{"x"});
  for (const char* text : {"a = []", "a = 3", "a = [1, \"x\"]", "a = [10]"}) {
    expect_error([&] { parse(text).integers("a", 0, 9); }, "f.toml:1: 'a' does not fit");
  }
  expect_error([] { parse("").texts("a"); }, "'a' is missing");
  expect_error([] { parse("a = [1]").texts("a"); }, "'a' does not fit");
}

TEST(TomlTable, is_written_on_one_line_with_the_keys_that_it_lacks) {
  TomlTable table =
      parse("[[stage]]\ndo = \"train\"\nepochs = 3\n[defaults]\nepochs = 9\n[defaults.augment]\nshift = 1\n");
  const TomlTable defaults = std::move(*table.table("defaults"));
  const std::string line = table.tables("stage")[0].inline_toml({&defaults});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  TomlTable again = parse("s = " + line);
  TomlTable stage = std::move(*again.table("s"));
  EXPECT_EQ(stage.text("do"), "train");
  EXPECT_EQ(stage.integer("epochs", 0, 9), 3);
  EXPECT_EQ(stage.table("augment")->integer("shift", 0, 9), 1);
}

TEST(TomlTable, names_the_words_that_a_choice_has) {
  expect_error(
      [] {
        parse("a = \"third\"").choice("a", {"first", "second"});
      },
      "'a' is \"third\". Take one of: first, second.");
}

TEST(TomlTable, refuses_a_key_that_nobody_asked_for) {
  TomlTable table = parse("bits = 8\nbitz = 4\n");
  table.integer("bits", 4, 8);
  expect_error([&] { table.expect_no_other_keys(); },
               "f.toml:2: 'bitz' is not known here. The keys are: bits.");
}

TEST(TomlTable, names_the_line_within_a_sub_table_and_a_list_of_tables) {
  const std::string text = "[one]\na = 9\n\n[[list]]\nb = 1\n[[list]]\nb = 9\n";
  expect_error([&] { parse(text).table("one")->integer("a", 0, 1); }, "f.toml:2: 'a' does not fit");
  expect_error([&] { parse(text).tables("list").at(1).integer("b", 0, 1); }, "f.toml:7: 'b' does not fit");
  expect_error([&] { parse(text).tables("list").at(1).text("c"); }, "f.toml:6: 'c' is missing");
}

}  // namespace
}  // namespace thimble
