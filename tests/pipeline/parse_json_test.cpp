#include "pipeline/parse_json.h"

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace thimble::pipeline
