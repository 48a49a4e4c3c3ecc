#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::train {

/// Throws Error unless the graph has one input of the set's sample shape.
void expect_input_fits(const Graph& graph, const data::Dataset& dataset);

/// The order in which an epoch (0-based) visits the samples: depends on the seed and the epoch alone.
std::vector<size_t> epoch_order(size_t samples, uint64_t seed, int epoch);

/// Writes the samples at `indices`, one after another, as a network sees them (data::read_sample).
void read_batch(const data::Dataset& dataset, std::span<const size_t> indices, std::span<float> values);

/// As read_batch, each image (H, W, C) moved by up to `shift` pixels each way at random. What a sample
/// undergoes depends on `random` and its index alone.
void read_shifted_batch(const data::Dataset& dataset, std::span<const size_t> indices, int shift,
                        const Random& random, std::span<float> values);

}  // namespace thimble::train
