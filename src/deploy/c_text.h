#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thimble::deploy {

// Text from files made safe to stand in C. Names in a model are anybody's: no name may end a comment or a
// string, shadow a standard header or collide with a keyword.

/// A lower-case C identifier of at most 32 characters that can begin a file's name and every public name of
/// the generated C: never empty, never a keyword, a standard header, a name reserved by C or taken by the
/// kernels.
std::string c_prefix(std::string_view text);

/// The name of an operator as part of an identifier: "DepthwiseConv2D" -> "depthwise_conv2d".
std::string c_operator_name(std::string_view op);

/// Text inside a block comment: printable ASCII, no comment marks, no trigraphs, at most 60 characters.
std::string c_comment(std::string_view text);

/// A string literal with its quotes.
std::string c_string(std::string_view text);

/// A float constant that reads back as the same bits, with its suffix: "0.1F". Finite values only.
std::string c_float(float value);

/// A constant of type int32_t.
std::string c_int32(int32_t value);

/// ASCII capitals.
std::string upper_case(std::string_view text);

}  // namespace thimble::deploy
