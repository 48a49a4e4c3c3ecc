#pragma once

#include <string_view>
#include <vector>

namespace thimble {

/// A file of the source tree that was compiled into the program (cmake: thimble_embed).
struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

}  // namespace thimble
