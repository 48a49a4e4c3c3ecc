#include "train/batches.h"

#include <fmt/format.h>

#include "base/error.h"

namespace thimble::train {
void expect_input_fits(const Graph& graph, const data::Dataset& dataset) {
  Shape expected = {1};
  expected.insert(expected.end(), dataset.sample_shape.begin(), dataset.sample_shape.end());
  if (graph.inputs.size() == 1 && graph.tensor(graph.inputs[0]).shape == expected) return;
  const std::string takes =
      graph.inputs.size() == 1 ? to_string(graph.tensor(graph.inputs[0]).shape) : "several inputs";
  throw Error(graph.name,
              fmt::format("takes {}, a sample of {} is {}", takes, dataset.name, to_string(expected)),
              fmt::format("Take a model that was made for {}", dataset.name));
}

void shuffle_for_epoch(std::span<size_t> samples, uint64_t seed, int epoch) {
  Random(seed).fork(1).fork(static_cast<uint64_t>(epoch)).shuffle(samples);
}

void read_batch(const data::Dataset& dataset, std::span<const size_t> indices, std::span<float> values) {
  const size_t elements = dataset.sample_elements();
  for (size_t i = 0; i < indices.size(); ++i) {
    data::read_sample(dataset, indices[i], values.subspan(i * elements, elements));
  }
}

void read_augmented_batch(const data::Dataset& dataset, std::span<const size_t> indices,
                          const data::Augmentation& augmentation, const Random& random,
                          std::span<float> values) {
  read_batch(dataset, indices, values);
  const size_t elements = dataset.sample_elements();
  for (size_t i = 0; i < indices.size(); ++i) {
    data::augment(augmentation, dataset, random.fork(indices[i]), values.subspan(i * elements, elements));
  }
}

}  // namespace thimble::train
