#pragma once

#include <span>
#include <string>

#include "data/dataset.h"
#include "graph/graph.h"
#include "train/fake_quantizer.h"
#include "train/options.h"

namespace thimble::train {

/// The SHA-256 of all that decides the result of a training: every field of the graph that is computed with,
/// what is rounded in it, the samples and labels, the options but the number of threads.
std::string fingerprint(const FakeQuantizedGraph& network, const data::Dataset& dataset,
                        const TrainOptions& options);

/// The SHA-256 of all that decides what teachers, folded, say of the samples.
std::string fingerprint(std::span<const Graph> teachers, const data::Dataset& dataset, Precision precision);

}  // namespace thimble::train
