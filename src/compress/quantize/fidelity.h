#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "train/fake_quantizer.h"

namespace thimble::quantize {

/// How near a rounded network's scores are to the float32 network's on some samples.
struct Fidelity {
  /// Mean Kullback-Leibler divergence of its class probabilities from the float32 network's: by how much
  /// rounding raises the cross-entropy with what that network says.
  double divergence = 0;
  double accuracy = 0;            ///< with the labels
  double signal_to_noise_db = 0;  ///< of the scores: the float32 network's power over that of the difference
};

/// Compares networks with one float32 network on the same samples.
class FidelityMeter {
 public:
  /// The data set and the indices must outlive it.
  FidelityMeter(const Graph& reference, const data::Dataset& dataset, std::span<const size_t> indices,
                int threads);

  Fidelity measure(const train::FakeQuantizedGraph& network) const;
  double reference_accuracy() const;

 private:
  std::vector<float> scores_of(const train::FakeQuantizedGraph& network) const;
  double accuracy_of(std::span<const float> scores) const;

  const data::Dataset& dataset_;
  std::span<const size_t> indices_;
  int threads_;
  std::vector<float> expected_;
};

}  // namespace thimble::quantize
