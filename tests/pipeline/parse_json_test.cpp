#include "pipeline/parse_json.h"

#include <gtest/gtest.h>

#include <string>

#include "deploy/results_json.h"

namespace thimble::pipeline {
namespace {

TEST(ParseJson, gives_what_the_text_says) {
  EXPECT_EQ(parse_json(R"({"a": [1, {"b": null}]})"), (nlohmann::json{{"a", {1, {{"b", nullptr}}}}}));
  EXPECT_EQ(parse_json(std::string(90, '[') + std::string(90, ']')).size(), 1U);
}

TEST(ParseJson, discards_what_is_no_json_or_too_deep) {
  for (const std::string& text : {std::string(), std::string("{\"a\""), std::string(1000000, '['),
                                  std::string(1000000, '[') + std::string(1000000, ']')}) {
    EXPECT_TRUE(parse_json(text).is_discarded()) << text.substr(0, 10);
  }
}

TEST(TextOf, a_name_that_is_no_utf8_is_written_all_the_same) {
  const nlohmann::json again = parse_json(deploy::text_of({{"layer", "caf\xe9"}, {"cycles", 7}}));
  EXPECT_EQ(again.at("cycles"), 7);
  EXPECT_EQ(again.at("layer").get<std::string>().substr(0, 3), "caf");
}

}  // namespace
}  // namespace thimble::pipeline
