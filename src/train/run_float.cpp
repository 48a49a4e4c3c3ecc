#include "train/run_float.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "train/executor.h"

namespace thimble::train {
namespace {

using torch::Tensor;

Tensor to_batch(const thimble::Tensor& tensor, std::span<const float> values, size_t batch) {
  if (values.size() != batch * tensor.elements()) {
    throw Error(fmt::format("Tensor '{}'", tensor.name),
                fmt::format("{} values were given for {} samples of {}", values.size(), batch,
                            to_string(tensor.shape)),
                "Give the values of whole samples");
  }
  std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
  shape[0] = static_cast<int64_t>(batch);
  Tensor result = torch::empty(shape);
  std::memcpy(result.data_ptr<float>(), values.data(), values.size_bytes());
  return result;
}

std::vector<Tensor> to_batches(const Graph& graph, std::span<const std::span<const float>> inputs,
                               size_t batch) {
  if (inputs.size() != graph.inputs.size()) {
    throw Error(graph.name,
                fmt::format("{} inputs were given, it has {}", inputs.size(), graph.inputs.size()),
                "Give all inputs in the graph's order");
  }
  std::vector<Tensor> result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    result.push_back(to_batch(graph.tensor(graph.inputs[i]), inputs[i], batch));
  }
  return result;
}

std::vector<float> to_values(const Tensor& tensor) {
  const Tensor dense = tensor.detach().contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

}  // namespace

Values run_float(const Graph& graph, std::span<const std::span<const float>> inputs, size_t batch,
                 std::span<const TensorId> wanted) {
  const Executor executor(graph);
  const torch::NoGradGuard no_gradients;
  Values result;
  for (const Tensor& value : executor.run(to_batches(graph, inputs, batch), wanted)) {
    result.push_back(to_values(value));
  }
  return result;
}

Gradients gradients(const Graph& graph, std::span<const std::span<const float>> inputs, size_t batch,
                    std::span<const float> weights) {
  const Executor executor(graph);
  std::vector<Tensor> sources = to_batches(graph, inputs, batch);
  const std::vector<Tensor> batches = sources;
  for (Tensor& source : sources) source.requires_grad_(true);
  for (const TensorId id : executor.parameters()) sources.push_back(executor.constant(id));

  Executor::Statistics running = executor.statistics();
  const Tensor output = executor.run_training(batches, std::span(graph.outputs).first(1), running)[0];
  const Tensor upstream = to_batch(graph.tensor(graph.outputs[0]), weights, batch);
  const auto found =
      torch::autograd::grad({output}, sources, {upstream.reshape(output.sizes())}, c10::nullopt,
                            /*create_graph=*/false, /*allow_unused=*/true);
  Gradients result;
  result.parameter_ids = executor.parameters();
  for (size_t i = 0; i < sources.size(); ++i) {
    const Tensor value = found[i].defined() ? found[i] : torch::zeros_like(sources[i]);
    (i < batches.size() ? result.inputs : result.parameters).push_back(to_values(value));
  }
  return result;
}

}  // namespace thimble::train
