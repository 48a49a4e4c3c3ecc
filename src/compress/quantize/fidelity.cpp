#include "compress/quantize/fidelity.h"

#include <algorithm>
#include <cmath>

#include "train/logits.h"
#include "train/values.h"

namespace thimble::quantize {
namespace {

std::vector<double> log_probabilities(std::span<const float> scores) {
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (const float score : scores) sum += std::exp(score - largest);
  std::vector<double> result;
  for (const float score : scores) result.push_back(score - largest - std::log(sum));
  return result;
}

}  // namespace

FidelityMeter::FidelityMeter(const Graph& reference, const data::Dataset& dataset,
                             std::span<const size_t> indices, int threads)
    : dataset_(dataset), indices_(indices), threads_(threads), expected_(scores_of({reference, {}})) {}

std::vector<float> FidelityMeter::scores_of(const train::FakeQuantizedGraph& network) const {
  // The argument of a softmax at the end: probabilities of 8 bits hide small differences.
  const train::Logits logits = train::logits_of(network.graph);
  std::vector<float> scores = train::values(network, logits.tensor, dataset_, indices_, threads_);
  for (float& score : scores) score *= static_cast<float>(logits.scale);
  return scores;
}

double FidelityMeter::accuracy_of(std::span<const float> scores) const {
  const size_t classes = scores.size() / indices_.size();
  size_t correct = 0;
  for (size_t i = 0; i < indices_.size(); ++i) {
    const auto of_sample = scores.subspan(i * classes, classes);
    const auto found = std::ranges::max_element(of_sample) - of_sample.begin();
    correct += found == dataset_.labels[indices_[i]] ? 1 : 0;
  }
  return static_cast<double>(correct) / static_cast<double>(indices_.size());
}

double FidelityMeter::reference_accuracy() const { return accuracy_of(expected_); }

Fidelity FidelityMeter::measure(const train::FakeQuantizedGraph& network) const {
  const std::vector<float> scores = scores_of(network);
  Fidelity result;
  result.accuracy = accuracy_of(scores);
  double signal = 0;
  double noise = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    signal += double{expected_[i]} * expected_[i];
    noise += (double{scores[i]} - expected_[i]) * (double{scores[i]} - expected_[i]);
  }
  result.signal_to_noise_db = 10 * std::log10(signal / std::max(noise, 1e-30));
  const size_t classes = scores.size() / indices_.size();
  for (size_t i = 0; i < indices_.size(); ++i) {
    const auto p = log_probabilities(std::span(expected_).subspan(i * classes, classes));
    const auto q = log_probabilities(std::span(scores).subspan(i * classes, classes));
    for (size_t c = 0; c < classes; ++c) {
      result.divergence += std::exp(p[c]) * (p[c] - q[c]) / static_cast<double>(indices_.size());
    }
  }
  return result;
}

}  // namespace thimble::quantize
