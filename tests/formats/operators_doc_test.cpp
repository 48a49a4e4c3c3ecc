// docs/operators.md names every operator of the Graph.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "base/files.h"
#include "graph/operators.h"

namespace thimble {
namespace {

TEST(OperatorsDocument, has_a_row_for_every_operator) {
  const auto bytes = read_file(std::filesystem::path(THIMBLE_SOURCE_DIR) / "docs/operators.md");
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    for (const std::string_view name : {std::variant_alternative_t<kIndex, Operator>::kName...}) {
      EXPECT_NE(text.find("\n| " + std::string(name) + " |"), std::string::npos) << name;
    }
  }
  (std::make_index_sequence<std::variant_size_v<Operator>>());
}

}  // namespace
}  // namespace thimble
