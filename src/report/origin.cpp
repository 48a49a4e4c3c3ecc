#include "report/origin.h"

#include <fmt/format.h>

#include <vector>

#include "report/page.h"

namespace thimble::report {

std::string origin(study::Storage& storage) {
  std::string html = fmt::format("<p>Thimble {}</p>\n", escaped(storage.version()));
  const std::string command = storage.command();
  if (!command.empty()) html += fmt::format("<pre class=wide><code>{}</code></pre>\n", escaped(command));
  std::vector<Row> rows;
  for (const auto& [what, sha256] : storage.inputs()) rows.push_back({what, sha256});
  return rows.empty() ? html : html + table({"it began with", "SHA-256"}, rows);
}

}  // namespace thimble::report
