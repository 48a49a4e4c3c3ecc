#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "compress/prune/granularity.h"
#include "compress/prune/importance.h"
#include "compress/prune/select.h"
#include "device/profile.h"
#include "train/trainer.h"

namespace thimble::prune {

/// What shall shrink.
enum class Measure : uint8_t { kMacs, kParameters, kCycles };

/// "macs", "parameters" or "cycles". Throws Error for another name.
Measure measure_named(std::string_view name);

/// How the network gets to its final size in several steps.
enum class Steps : uint8_t {
  kEven,    ///< each keeps the same part of what the one before it left
  kGradual  ///< much at first, little at the end: the cubic of Zhu and Gupta (2017)
};

struct PruneOptions {
  Granularity granularity = Granularity::kFilter;
  Criterion criterion = Criterion::kL2;
  Measure measure = Measure::kMacs;
  SelectOptions select;
  int steps = 1;  ///< 1: one shot
  Steps schedule = Steps::kEven;
  size_t samples = 512;  ///< that kTaylor and kLoss look at, drawn evenly over the classes
  uint64_t seed = 1;
  int threads = 0;  ///< of what samples are run for, beside recovery; 0: all cores
  /// How the network recovers after each step, for recovery->epochs; nothing: it does not.
  std::optional<train::TrainOptions> recovery;
  /// The whole network teaches the pruned one, with recovery->distillation's temperature and weight.
  bool distill = false;
};

/// Throws Error with ExitCode::kUsage when options are out of their ranges or contradict each other.
void check(const PruneOptions& options);

/// Whether a criterion looks at samples.
bool needs_samples(Criterion criterion);

struct PruneHooks {
  Progress progress = {};
  std::function<void(std::string_view)> on_step = {};  ///< a line on each step
  std::function<void(const train::EpochMetrics&)> on_epoch = {};
  /// Stem of the checkpoints of recoveries, one a step; empty: none.
  std::filesystem::path checkpoint = {};
};

/// Removes channels until the network measures at most select.keep of what it did, and lets it recover. A
/// run that is killed and called again with its checkpoints ends with the same bytes.
///
/// A granularity that masks makes weights zero instead (mask_weights), which stay zero in recovery and later
/// training; channels that nothing reads after it leave all the same, for they change nothing.
///
/// `device` is needed for Measure::kCycles: before each step the int8 network is counted on the emulator of
/// its core, whole and with every layer cut to a half and to a quarter (see cycles_model). Throws Error as
/// its parts do.
Graph prune(const Graph& graph, const data::Dataset& dataset, const device::DeviceProfile* device,
            const PruneOptions& options, const PruneHooks& hooks = {});

/// One step without recovery and without data: criteria but kTaylor and kLoss, measures but kCycles.
Graph prune_without_data(const Graph& graph, const PruneOptions& options);

}  // namespace thimble::prune
