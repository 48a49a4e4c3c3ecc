#include "deploy/c_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace thimble::deploy {
namespace {

TEST(CText, a_name_becomes_a_prefix) {
  EXPECT_EQ(c_prefix("mnist-cnn"), "mnist_cnn");
  EXPECT_EQ(c_prefix("ResNet 8 (v2)"), "resnet_8_v2");
  EXPECT_EQ(c_prefix("8bit"), "model_8bit");
}

TEST(CText, a_prefix_is_never_taken_by_c_or_its_headers) {
  EXPECT_EQ(c_prefix("int"), "model_int");
  EXPECT_EQ(c_prefix("string"), "model_string");
  EXPECT_EQ(c_prefix("math"), "model_math");
  EXPECT_EQ(c_prefix("thimble_conv2d"), "model_thimble_conv2d");
  EXPECT_EQ(c_prefix("COM1"), "model_com1");
  EXPECT_EQ(c_prefix("test"), "model_test") << "CMake keeps that target";
  EXPECT_EQ(c_prefix("features"), "model_features") << "glibc's headers include a features.h";
  EXPECT_EQ(c_prefix("arm_neon"), "model_arm_neon") << "the compiler's header for the Cortex-A72";
  EXPECT_EQ(c_prefix(""), "model");
  EXPECT_EQ(c_prefix("../../etc/passwd"), "etc_passwd");
}

TEST(CText, any_text_gives_an_identifier) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const std::string name = c_prefix(text);
    RC_ASSERT(!name.empty() && name.size() <= 32 && name[0] >= 'a' && name[0] <= 'z');
    RC_ASSERT(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
    RC_ASSERT(name.find("__") == std::string::npos);
    RC_ASSERT(c_prefix(name) == name);
  }));
}

TEST(CText, no_text_ends_a_comment) {
  EXPECT_EQ(c_comment("conv"), "conv");
  EXPECT_LT(c_comment(std::string(58, 'a') + "*/" + std::string(1000, 'b')).size(), 70U);
  EXPECT_TRUE(rc::check([]() {
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("*/?\\\n'a\xff")));
    const std::string comment = "/*" + c_comment(text) + "*/";
    RC_ASSERT(comment.find("*/") == comment.size() - 2);
    RC_ASSERT(comment.find("/*", 1) == std::string::npos);
    RC_ASSERT(comment.find("\?\?") == std::string::npos);
    RC_ASSERT(comment.find('\n') == std::string::npos);
  }));
}

TEST(CText, a_string_literal_holds_any_bytes) {
  EXPECT_EQ(c_string("cat"), "\"cat\"");
  EXPECT_EQ(c_string("a\"b\\\n?"), "\"a\\042b\\134\\012\\077\"");
}

TEST(CText, a_float_reads_back_as_the_same_bits) {
  EXPECT_EQ(c_float(0.1F), "0.100000001F");
  EXPECT_EQ(c_float(1.0F), "1.0F");
  EXPECT_TRUE(rc::check([](uint32_t bits) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    RC_PRE(std::isfinite(value));
    const float back = std::strtof(c_float(value).c_str(), nullptr);
    RC_ASSERT(std::memcmp(&back, &value, sizeof value) == 0);
  }));
}

TEST(CText, the_least_integer_is_one_of_its_type) { EXPECT_EQ(c_int32(INT32_MIN), "(-2147483647 - 1)"); }

TEST(CText, an_operator_becomes_a_word) {
  EXPECT_EQ(c_operator_name("DepthwiseConv2D"), "depthwise_conv2d");
  EXPECT_EQ(c_operator_name("FullyConnected"), "fully_connected");
}

}  // namespace
}  // namespace thimble::deploy
