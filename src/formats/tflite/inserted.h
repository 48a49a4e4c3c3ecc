#pragma once

#include <string_view>

namespace thimble::tflite {

/// How the name ends of a Reshape that the reader puts before or after an operator (inserted_by_import).
inline constexpr std::string_view kInsertedBefore = "#rows";
inline constexpr std::string_view kInsertedAfter = "#shape";

/// The description of a file whose model has none, and what is added to that of a model that has one: files
/// of ours are known by it.
inline constexpr std::string_view kWrittenBy = "Written by Thimble";
inline constexpr std::string_view kAlsoWrittenBy = " (written by Thimble)";

}  // namespace thimble::tflite
