#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thimble::report {

/// Text as HTML.
std::string escaped(std::string_view text);

/// A heading and what stands below it; nothing where the body is empty.
std::string section(std::string_view title, std::string_view body);

using Row = std::vector<std::string>;

/// A table of text.
std::string table(const Row& header, const std::vector<Row>& rows);

/// A whole page, for light and dark screens and for paper, that needs no network and no other file. `body` is
/// HTML.
std::string page(std::string_view title, std::string_view lead, std::string_view body);

}  // namespace thimble::report
