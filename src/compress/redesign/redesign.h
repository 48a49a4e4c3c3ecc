#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "train/trainer.h"

namespace thimble::redesign {

struct RedesignOptions {
  bool separable = false;           ///< convolutions become depthwise and 1x1: redesign::separable
  std::vector<std::string> layers;  ///< these alone; empty: all that stand behind a layer with weights
  bool activation_between = true;   ///< of the two
  double depth = 1;                 ///< above 1 redesign::deepen, below 1 redesign::shorten
  double width = 1;                 ///< redesign::scale_width
  int multiple = 1;                 ///< what a width is rounded to
  size_t samples = 512;             ///< that new batch norms take their statistics of
  uint64_t seed = 1;
  /// How the network is trained afterwards; nothing: it is not.
  std::optional<train::TrainOptions> recovery;
  /// The network from before teaches the new one, with recovery->distillation's temperature and weight.
  bool distill = false;
};

/// Another network from a trained one: separable, then deeper or shallower, then wider or narrower, as the
/// options say. What was trained is kept as far as the new network can hold it, and all of it by what is
/// deeper or wider. New batch norms take their statistics of samples. A run that is killed and called again
/// with its checkpoint ends with the same bytes. Throws Error as its parts do, and when the options ask for
/// nothing.
Graph redesign(const Graph& graph, const data::Dataset& dataset, const RedesignOptions& options,
               const train::TrainHooks& hooks = {});

/// Without samples, so that new batch norms have mean 0 and variance 1, and without recovery.
Graph redesign_without_data(const Graph& graph, const RedesignOptions& options);

}  // namespace thimble::redesign
