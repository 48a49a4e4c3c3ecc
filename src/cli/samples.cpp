#include "cli/samples.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "data/dataset.h"
#include "graph/input_bytes.h"

namespace thimble::cli {

std::vector<std::vector<std::byte>> random_inputs(const Graph& graph, size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<std::byte>> samples(count);
  for (std::vector<std::byte>& sample : samples) {
    for (const TensorId id : graph.inputs) {
      const Tensor& tensor = graph.tensor(id);
      std::vector<std::byte> bytes(tensor.bytes());
      if (tensor.type == DataType::kFloat32) {
        std::vector<float> values(tensor.elements());
        for (float& value : values) value = static_cast<float>(random.uniform());
        bytes = Tensor::to_bytes(std::span<const float>(values));
      } else {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
      }
      sample.insert(sample.end(), bytes.begin(), bytes.end());
    }
  }
  return samples;
}

std::vector<std::vector<std::byte>> dataset_inputs(const Graph& graph, std::string_view data, size_t count,
                                                   uint64_t seed) {
  const data::Dataset dataset = data::load(data, data::Split::kTest);
  const Tensor& input = graph.tensor(graph.inputs[0]);
  if (graph.inputs.size() != 1 || input.elements() != dataset.sample_elements()) {
    throw Error(graph.name, fmt::format("does not take samples of {}", data),
                "Name the data set that it was made for, or leave --data out for random inputs");
  }
  std::vector<std::vector<std::byte>> samples;
  std::vector<float> values(dataset.sample_elements());
  for (const size_t index : data::draw_by_class(dataset, count, Random(seed))) {
    data::read_sample(dataset, index, values);
    samples.push_back(input_bytes(input, values));
  }
  return samples;
}

}  // namespace thimble::cli
