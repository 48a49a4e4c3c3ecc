#include "compress/prune/prune.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "compress/prune/count_cycles.h"
#include "compress/prune/loss_curves.h"
#include "compress/prune/mask_weights.h"
#include "compress/recovery.h"
#include "graph/prune_channels.h"

namespace thimble::prune {
namespace {

/// The part that stays after step `step` (from 1 on) of all.
double keep_after(const PruneOptions& options, int step) {
  const double done = static_cast<double>(step) / options.steps;
  const double keep = options.select.keep;
  if (step == options.steps) return keep;
  if (options.schedule == Steps::kEven) return std::pow(keep, done);
  return keep + (1 - keep) * std::pow(1 - done, 3);
}

Cost measured(Measure measure, const Cost& cycles) {
  if (measure == Measure::kCycles) return cycles;
  if (measure == Measure::kMacs) {
    return [](const Graph& shapes) { return static_cast<double>(mac_count(shapes)); };
  }
  return [](const Graph& shapes) { return static_cast<double>(parameter_count(shapes)); };
}

Graph one_step(const Graph& graph, const data::Dataset& dataset, std::span<const size_t> indices,
               const Cost& cost, const PruneOptions& options, const SelectOptions& select) {
  const auto groups = channel_groups(graph);
  const bool measures_loss = options.criterion == Criterion::kLoss;
  Importance importance =
      channel_importance(graph, groups, measures_loss ? Criterion::kL1 : options.criterion, dataset, indices,
                         Random(options.seed), options.granularity);
  if (measures_loss) {
    importance = loss_curves(graph, groups, importance, static_cast<size_t>(select.multiple), dataset,
                             indices, options.threads);
  }
  return prune_channels(graph, groups, select_channels(graph, groups, importance, cost, select));
}

Graph mask_step(const Graph& graph, const data::Dataset& dataset, std::span<const size_t> indices,
                const PruneOptions& options, double keep) {
  SelectOptions select = options.select;
  select.keep = keep;
  return mask_weights(graph, options.granularity, options.criterion, select,
                      options.measure == Measure::kMacs, dataset, indices, Random(options.seed));
}

/// What a step has left.
std::string describe(const Graph& network, const Graph& whole, const PruneOptions& options) {
  if (!is_mask(options.granularity)) {
    return fmt::format("{} of {} MACs, {} of {} parameters", grouped(mac_count(network)),
                       grouped(mac_count(whole)), grouped(parameter_count(network)),
                       grouped(parameter_count(whole)));
  }
  const Sparsity sparsity = sparsity_of(network);
  return fmt::format("{} of {} weights are zero", grouped(sparsity.zeros), grouped(sparsity.weights));
}

}  // namespace

void check(const PruneOptions& options) {
  const SelectOptions& select = options.select;
  const auto refuse = [](std::string_view option, std::string_view reason, std::string_view remedy) {
    throw Error(fmt::format("Pruning option {}", option), reason, remedy, ExitCode::kUsage);
  };
  if (!(select.keep > 0)) refuse("keep", "would empty the network", "Keep a part above 0: 0.5, say");
  if (select.keep > 1) refuse("keep", "is above 1", "Keep a part of 1: 0.5, say");
  if (!(select.least >= 0 && select.least <= 1)) refuse("least", "is not a part of 1", "Take 0.1");
  if (select.multiple < 1) refuse("multiple", "is below 1", "Take 1, or what the kernels like: 4, say");
  if (options.steps < 1) refuse("steps", "is below 1", "Take 1 for one shot");
  if (options.schedule == Steps::kGradual && options.steps == 1)
    refuse("gradual", "is of several steps", "Give more steps: 4, say");
  if (is_mask(options.granularity) && options.measure == Measure::kCycles) {
    refuse("of", "is cycles, and zeros among the weights save none", "Measure macs or parameters");
  }
  if (is_mask(options.granularity) && select.multiple != 1) {
    refuse("multiple", "is of channels, and none leaves", "Leave it out, or take the granularity filter");
  }
  if (options.distill && !options.recovery) {
    refuse("distill", "needs a recovery to teach in", "Give epochs of recovery");
  }
}

bool needs_samples(Criterion criterion) {
  return criterion == Criterion::kTaylor || criterion == Criterion::kLoss;
}

Measure measure_named(std::string_view name) {
  if (name == "macs") return Measure::kMacs;
  if (name == "parameters") return Measure::kParameters;
  if (name == "cycles") return Measure::kCycles;
  throw Error(fmt::format("The measure '{}'", name), "is not known", "Take macs, parameters or cycles",
              ExitCode::kUsage);
}

Graph prune(const Graph& graph, const data::Dataset& dataset, const device::DeviceProfile* device,
            const PruneOptions& options, const PruneHooks& hooks) {
  check(options);
  if (options.measure == Measure::kCycles && device == nullptr) {
    throw Error("Pruning by cycles", "has no device to count them on", "Name one: nano33ble, say",
                ExitCode::kUsage);
  }
  const auto indices = needs_samples(options.criterion)
                           ? data::draw_by_class(dataset, options.samples, Random(options.seed).fork(1))
                           : std::vector<size_t>();
  Graph network = graph;
  double whole = 0;
  for (int step = 1; step <= options.steps; ++step) {
    std::string estimate;
    if (is_mask(options.granularity)) {
      network = mask_step(network, dataset, indices, options, keep_after(options, step));
    } else {
      const bool counts = options.measure == Measure::kCycles;
      const Cost cost =
          measured(options.measure,
                   counts ? count_cycles(network, dataset, *device, options.select.multiple) : Cost());
      if (step == 1) whole = cost(network);
      SelectOptions select = options.select;
      select.keep = std::min(keep_after(options, step) * whole / cost(network), 1.0);
      network = one_step(network, dataset, indices, cost, options, select);
      if (counts) {
        estimate = fmt::format("about {} of {} cycles, ", grouped(static_cast<uint64_t>(cost(network))),
                               grouped(static_cast<uint64_t>(whole)));
      }
    }
    if (hooks.on_step) {
      hooks.on_step(fmt::format("step {} of {}: {}{}", step, options.steps, estimate,
                                describe(network, graph, options)));
    }
    if (!options.recovery) continue;
    train::TrainHooks train_hooks;
    train_hooks.progress = hooks.progress;
    train_hooks.on_epoch = hooks.on_epoch;
    if (!hooks.checkpoint.empty())
      train_hooks.checkpoint = fmt::format("{}.{}", hooks.checkpoint.string(), step);
    network = compress::recover(network, graph, dataset, *options.recovery, options.distill, train_hooks);
  }
  return is_mask(options.granularity) ? remove_unread_channels(network) : network;
}

Graph prune_without_data(const Graph& graph, const PruneOptions& options) {
  check(options);
  const data::Dataset none;
  if (options.measure == Measure::kCycles || options.recovery || needs_samples(options.criterion)) {
    throw Error("Pruning", "needs samples for this criterion, measure or recovery", "Name a data set",
                ExitCode::kUsage);
  }
  if (is_mask(options.granularity)) {
    return remove_unread_channels(mask_step(graph, none, {}, options, options.select.keep));
  }
  return one_step(graph, none, {}, measured(options.measure, {}), options, options.select);
}

}  // namespace thimble::prune
