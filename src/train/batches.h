#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::train {

/// Throws Error unless the graph has one input of the set's sample shape.
void expect_input_fits(const Graph& graph, const data::Dataset& dataset);

/// Puts samples into the order in which an epoch (0-based) visits them: depends on the order that they are
/// in, the seed and the epoch alone.
void shuffle_for_epoch(std::span<size_t> samples, uint64_t seed, int epoch);

/// Writes the samples at `indices`, one after another, as a network sees them (data::read_sample).
void read_batch(const data::Dataset& dataset, std::span<const size_t> indices, std::span<float> values);

/// As read_batch, each sample varied. What a sample undergoes depends on `random` and its index alone.
void read_augmented_batch(const data::Dataset& dataset, std::span<const size_t> indices,
                          const data::Augmentation& augmentation, const Random& random,
                          std::span<float> values);

}  // namespace thimble::train
