#include "train/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace thimble::train {
namespace {

/// Moves an image of float values by (dy, dx), zeros come in.
void shift_image(std::span<float> image, const std::vector<int32_t>& shape, int32_t dy, int32_t dx) {
  const int32_t height = shape[0];
  const int32_t row = shape[1] * shape[2];
  const int32_t offset = dx * shape[2];
  // Rows are moved in the order that reads each before it is overwritten.
  for (int32_t i = 0; i < height; ++i) {
    const int32_t y = dy > 0 ? height - 1 - i : i;
    const int32_t from = y - dy;
    const auto to = image.subspan(static_cast<size_t>(y) * row, row);
    if (from < 0 || from >= height) {
      std::fill(to.begin(), to.end(), 0.0F);
      continue;
    }
    const auto source = image.subspan(static_cast<size_t>(from) * row, row);
    if (offset >= 0) {
      std::copy_backward(source.begin(), source.end() - offset, to.end());
      std::fill_n(to.begin(), offset, 0.0F);
    } else {
      std::copy(source.begin() - offset, source.end(), to.begin());
      std::fill_n(to.end() + offset, -offset, 0.0F);
    }
  }
}

}  // namespace

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

std::vector<size_t> epoch_order(size_t samples, uint64_t seed, int epoch) {
  std::vector<size_t> order(samples);
  std::iota(order.begin(), order.end(), size_t{0});
  Random(seed).fork(1).fork(static_cast<uint64_t>(epoch)).shuffle(std::span(order));
  return order;
}

void read_batch(const data::Dataset& dataset, std::span<const size_t> indices, std::span<float> values) {
  const size_t elements = dataset.sample_elements();
  for (size_t i = 0; i < indices.size(); ++i) {
    data::read_sample(dataset, indices[i], values.subspan(i * elements, elements));
  }
}

void read_shifted_batch(const data::Dataset& dataset, std::span<const size_t> indices, int shift,
                        const Random& random, std::span<float> values) {
  read_batch(dataset, indices, values);
  const size_t elements = dataset.sample_elements();
  for (size_t i = 0; i < indices.size(); ++i) {
    Random own = random.fork(indices[i]);
    const int32_t dy = own.between(-shift, shift);
    const int32_t dx = own.between(-shift, shift);
    shift_image(values.subspan(i * elements, elements), dataset.sample_shape, dy, dx);
  }
}

}  // namespace thimble::train
