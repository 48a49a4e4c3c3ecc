#pragma once

#include <string_view>

namespace thimble::tflite {

/// How the name ends of a Reshape that the reader puts before or after a dense layer (inserted_by_import).
inline constexpr std::string_view kInsertedBefore = "#rows";
inline constexpr std::string_view kInsertedAfter = "#shape";

}  // namespace thimble::tflite
