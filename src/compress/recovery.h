#pragma once

#include "data/dataset.h"
#include "graph/graph.h"
#include "train/trainer.h"

namespace thimble::compress {

/// Training options for a network that is trained already: a lower rate and hardly a warm-up.
train::TrainOptions recovery_defaults();

/// Trains a network that was changed; when it distills, the one from before the change teaches it, too,
/// beside the options' teachers. Throws Error as train::train does.
Graph recover(const Graph& changed, const Graph& before, const data::Dataset& dataset,
              const train::TrainOptions& options, bool distills, const train::TrainHooks& hooks);

}  // namespace thimble::compress
