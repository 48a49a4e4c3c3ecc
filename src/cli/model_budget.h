#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/generated_c.h"
#include "deploy/limits.h"
#include "device/profile.h"
#include "graph/graph.h"

namespace thimble::cli {

/// What the KEY=VALUEs of --budget say: the keys of a recipe's [budget], also without their units, which then
/// stand at the number: "ram=10KB", "latency=20ms", 1 KB being 1,024 B. Throws Error for one that cannot be
/// read.
deploy::Limits parse_budget(const std::vector<std::string>& limits);

/// Adds --budget KEY=VALUE,... to a verb that makes a model.
void add_budget_option(CLI::App& verb, std::vector<std::string>& limits,
                       const std::string& help = "exit 3 if it misses accuracy, latency_ms, ...");

/// What a verb's --budget asks of the model that it makes.
class ModelBudget {
 public:
  /// Throws Error for a limit that cannot be read, and for one that a device is needed for, without one.
  ModelBudget(const std::vector<std::string>& limits, const std::string& device_name);

  bool asks_for_accuracy() const { return limits_.accuracy.has_value(); }

  /// Throws Error when accuracy is limited and `data_name`, the data set to measure it on, is empty.
  void expect_measurable(std::string_view data_name) const;

  /// Measures the model on the device, if a limit asks for that. Throws Error with ExitCode::kBudget that
  /// names each limit that is missed and by how much, the nearest miss first. `kept` says what was written;
  /// `program` is the model's C, where it is not what write_c gives by itself.
  void check(const Graph& model, std::string_view name, uint64_t seed, std::optional<double> accuracy,
             std::string_view kept, const deploy::GeneratedC* program = nullptr) const;

 private:
  deploy::Limits limits_;
  std::optional<device::DeviceProfile> device_;
};

}  // namespace thimble::cli
