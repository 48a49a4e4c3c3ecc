#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace thimble::pipeline {

struct SummaryRow {
  std::string quantity;            ///< "latency (counted)"
  std::vector<std::string> cells;  ///< one a column
};

/// What a run came to, as text: the closing table of `thimble optimize` and the first of its report.
struct Summary {
  std::vector<std::string> columns;  ///< "pruned float32", "int4", "float32 : int4"
  std::vector<SummaryRow> rows;
  std::vector<std::string> sentences;  ///< what was verified, the speed-up
};

/// From a run's state (run.json); rows of stages that are not done are left out.
Summary summarize(const nlohmann::json& run);

}  // namespace thimble::pipeline
