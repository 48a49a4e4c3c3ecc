#include "train/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "train/apply_operator.h"
#include "train/fake_quantize.h"
#include "train/runtime.h"
#include "train/training_norm.h"

namespace thimble::train {
namespace {

using torch::Tensor;

Tensor to_torch(const thimble::Tensor& constant) {
  const std::vector<int64_t> shape(constant.shape.begin(), constant.shape.end());
  Tensor result = torch::empty(shape);
  std::memcpy(result.data_ptr<float>(), constant.data->data(), constant.data->size());
  return result;
}

bool is_layer(const Operator& op) {
  return std::holds_alternative<Conv2D>(op) || std::holds_alternative<DepthwiseConv2D>(op) ||
         std::holds_alternative<FullyConnected>(op) || std::holds_alternative<BatchNorm>(op);
}

/// Throws unless the node computes an activation from activations, sample by sample.
void expect_samples_apart(const Graph& graph, const Node& node) {
  const Shape& output = graph.tensor(node.outputs[0]).shape;
  const auto is_constant = [&](TensorId id) { return graph.tensor(id).is_constant(); };
  const auto constants = std::count_if(node.inputs.begin(), node.inputs.end(), is_constant);
  const auto inputs = static_cast<std::ptrdiff_t>(node.inputs.size());
  const auto* concat = std::get_if<Concat>(&node.op);
  bool apart = output[0] == 1 && constants < inputs;
  if (is_layer(node.op)) apart = apart && !is_constant(node.inputs[0]) && constants == inputs - 1;
  if (concat != nullptr) apart = apart && concat->axis != 0 && constants == 0;
  if (std::holds_alternative<Softmax>(node.op)) apart = apart && output.size() > 1;
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) apart = apart && transpose->axes[0] == 0;
  if (apart) return;
  throw Error(
      fmt::format("Node '{}'", node.name),
      fmt::format("{} does not keep the samples of a batch apart: its output is {}, {} of its {} inputs are "
                  "constants",
                  name_of(node.op), to_string(output), constants, inputs),
      "Give a network whose activations all have the batch, of extent 1, as first axis and whose weights are "
      "constants");
}

void expect_float(const Graph& graph) {
  if (is_quantized(graph)) {
    throw Error(graph.name, "is quantized; libtorch runs float32 networks",
                "Give the float32 network from before quantization");
  }
  for (const thimble::Tensor& tensor : graph.tensors) {
    if (!tensor.is_constant() || tensor.type == DataType::kFloat32) continue;
    throw Error(fmt::format("Tensor '{}'", tensor.name),
                fmt::format("is a constant of type {} in a float32 network", name_of(tensor.type)),
                "Give a network whose constants are float32, or remove what is unused");
  }
  for (const TensorId id : graph.inputs) {
    const thimble::Tensor& input = graph.tensor(id);
    if (input.shape[0] == 1 && input.type == DataType::kFloat32) continue;
    throw Error(fmt::format("Input '{}'", input.name),
                fmt::format("is {} of shape {}", name_of(input.type), to_string(input.shape)),
                "Give a float32 network with a batch of 1");
  }
}

bool broadcasts(const Operator& op) {
  return std::holds_alternative<Add>(op) || std::holds_alternative<Mul>(op) ||
         std::holds_alternative<Sub>(op) || std::holds_alternative<Maximum>(op) ||
         std::holds_alternative<Minimum>(op);
}

/// An activation with axes of extent 1 put in after the batch until it has `rank` axes.
Tensor with_rank(const Tensor& x, size_t rank) {
  std::vector<int64_t> shape = {x.size(0)};
  shape.resize(rank - static_cast<size_t>(x.dim()) + 1, 1);
  for (int64_t axis = 1; axis < x.dim(); ++axis) shape.push_back(x.size(axis));
  return x.reshape(shape);
}

/// The nodes that training computes together, at the last of each; see Executor::chains_.
std::vector<std::vector<size_t>> norm_chains(const Graph& graph) {
  const auto readers = consumers(graph);
  std::vector<bool> taken(graph.nodes.size(), false);
  /// The one reader of a node's output, if that is of the kind asked for.
  const auto next = [&](size_t n, const auto& is_kind) -> std::optional<size_t> {
    const TensorId output = graph.nodes[n].outputs[0];
    const auto& reading = readers[static_cast<size_t>(output)];
    if (reading.size() != 1 || std::count(graph.outputs.begin(), graph.outputs.end(), output) > 0) return {};
    const auto reader = static_cast<size_t>(reading[0]);
    if (taken[reader] || !is_kind(graph.nodes[reader])) return {};
    return reader;
  };
  const auto is_activation = [](const Node& node) {
    return std::holds_alternative<Relu>(node.op) || std::holds_alternative<Relu6>(node.op);
  };
  const auto is_residual = [&](const Node& node) {
    const auto* add = std::get_if<Add>(&node.op);
    return add != nullptr && add->activation == Activation::kNone && node.inputs[0] != node.inputs[1] &&
           std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
             return !graph.tensor(id).is_constant() &&
                    graph.tensor(id).shape == graph.tensor(node.outputs[0]).shape;
           });
  };
  std::vector<std::vector<size_t>> chains(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!std::holds_alternative<BatchNorm>(graph.nodes[n].op)) continue;
    std::vector<size_t> chain = {n};
    if (const auto add = next(n, is_residual)) chain.push_back(*add);
    if (const auto activation = next(chain.back(), is_activation)) chain.push_back(*activation);
    for (const size_t member : chain) taken[member] = true;
    chains[chain.back()] = chain;
  }
  return chains;
}

Activation activation_of(const Operator& op) {
  if (std::holds_alternative<Relu>(op)) return Activation::kRelu;
  return std::holds_alternative<Relu6>(op) ? Activation::kRelu6 : Activation::kNone;
}

}  // namespace

Executor::Executor(const Graph& graph, torch::Device device, Precision precision,
                   std::span<const FakeQuantizer> quantizers)
    : graph_(graph),
      precision_(precision),
      constants_(graph.tensors.size()),
      quantizers_(quantizers.begin(), quantizers.end()),
      quantizer_of_(graph.tensors.size(), -1) {
  prepare_runtime();
  validate(graph_);
  expect_float(graph_);
  for (size_t id = 0; id < graph_.tensors.size(); ++id) {
    if (graph_.tensors[id].is_constant()) constants_[id] = to_torch(graph_.tensors[id]).to(device);
  }
  for (const FakeQuantizer& quantizer : quantizers_) {
    for (const TensorId id : quantizer.tensors) {
      quantizer_of_[static_cast<size_t>(id)] = static_cast<int32_t>(scales_.size());
    }
    scales_.push_back(torch::tensor(quantizer.scales).to(device).requires_grad_(quantizer.is_learned));
  }
  // A value within a chain is never seen, and so could not be rounded.
  chains_ = quantizers_.empty() ? norm_chains(graph_) : std::vector<std::vector<size_t>>(graph_.nodes.size());
  std::vector<size_t> computed_at(graph_.nodes.size());
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    computed_at[n] = n;
    for (const size_t member : chains_[n]) computed_at[member] = n;
  }
  std::vector<size_t> last_reader(graph_.tensors.size(), 0);
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    expect_samples_apart(graph_, node);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      size_t& last = last_reader[static_cast<size_t>(id)];
      last = std::max(last, computed_at[n]);
      if (!graph_.tensor(id).is_constant() || !is_layer(node.op)) continue;
      const bool is_statistic = std::holds_alternative<BatchNorm>(node.op) && i >= 3;
      (is_statistic ? statistics_ : parameters_).push_back(id);
    }
  }
  for (auto* ids : {&parameters_, &statistics_}) {
    std::sort(ids->begin(), ids->end());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
  }
  released_.resize(graph_.nodes.size());
  for (size_t id = 0; id < last_reader.size() && !graph_.nodes.empty(); ++id) {
    released_[last_reader[id]].push_back(static_cast<TensorId>(id));
  }
  for (const TensorId id : parameters_) constants_[static_cast<size_t>(id)].requires_grad_(true);
}

std::vector<Tensor> Executor::learned_scales() const {
  std::vector<Tensor> result;
  for (size_t i = 0; i < scales_.size(); ++i) {
    if (quantizers_[i].is_learned) result.push_back(scales_[i]);
  }
  return result;
}

std::vector<FakeQuantizer> Executor::quantizers() const {
  std::vector<FakeQuantizer> result = quantizers_;
  for (size_t i = 0; i < scales_.size(); ++i) {
    const Tensor scales = scales_[i].detach().clamp_min(kSmallestScale).cpu().contiguous();
    result[i].scales.assign(scales.data_ptr<float>(), scales.data_ptr<float>() + scales.numel());
  }
  return result;
}

Executor::Statistics Executor::statistics() const {
  Statistics result;
  for (const TensorId id : statistics_) result[id] = constant(id).clone();
  return result;
}

void Executor::set_statistics(const Statistics& statistics) {
  for (const TensorId id : statistics_) constants_[static_cast<size_t>(id)].copy_(statistics.at(id));
}

std::vector<Tensor> Executor::run(std::span<const Tensor> inputs, std::span<const TensorId> wanted) const {
  return run_nodes(inputs, wanted, nullptr);
}

std::vector<Tensor> Executor::run_training(std::span<const Tensor> inputs, std::span<const TensorId> wanted,
                                           Statistics& running) const {
  return run_nodes(inputs, wanted, &running);
}

std::vector<Tensor> Executor::run_nodes(std::span<const Tensor> inputs, std::span<const TensorId> wanted,
                                        Statistics* running) const {
  assert(inputs.size() == graph_.inputs.size());
  std::vector<Tensor> values = constants_;
  for (size_t i = 0; i < inputs.size(); ++i) values[static_cast<size_t>(graph_.inputs[i])] = inputs[i];
  for (size_t id = 0; id < values.size(); ++id) {
    if (values[id].defined()) values[id] = rounded(static_cast<TensorId>(id), values[id]);
  }
  if (running != nullptr) {
    for (auto& [id, value] : *running) values[static_cast<size_t>(id)] = value;
  }
  std::vector<bool> kept(values.size(), false);
  for (const TensorId id : wanted) kept[static_cast<size_t>(id)] = true;

  // In training a chain is computed at its last node, unless a value on the way is wanted.
  std::vector<bool> waits(graph_.nodes.size(), false);
  for (const auto& chain : chains_) {
    if (running == nullptr || chain.empty()) continue;
    const auto before_last = std::span(chain).first(chain.size() - 1);
    const bool together = std::none_of(before_last.begin(), before_last.end(), [&](size_t member) {
      return kept[static_cast<size_t>(graph_.nodes[member].outputs[0])];
    });
    for (const size_t member : before_last) waits[member] = together;
  }
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    if (waits[n]) continue;
    const auto& chain = chains_[n];
    if (running != nullptr && !chain.empty() && (chain.size() == 1 || waits[chain[0]])) {
      run_chain(chain, values);
    } else {
      const TensorId output = graph_.nodes[n].outputs[0];
      values[static_cast<size_t>(output)] =
          rounded(output, compute(graph_.nodes[n], values, running != nullptr));
    }
    for (const TensorId id : released_[n]) {
      if (!kept[static_cast<size_t>(id)]) values[static_cast<size_t>(id)] = Tensor();
    }
  }
  std::vector<Tensor> results;
  for (const TensorId id : wanted) {
    Tensor value = values[static_cast<size_t>(id)];
    results.push_back(std::move(value));
  }
  return results;
}

Tensor Executor::compute(const Node& node, std::span<const Tensor> values) const {
  return compute(node, values, false);
}

Tensor Executor::compute(const Node& node, std::span<const Tensor> values, bool training) const {
  const Shape& output_shape = graph_.tensor(node.outputs[0]).shape;
  const bool takes_bfloat16 =
      precision_ == Precision::kBfloat16 && is_layer(node.op) && !std::holds_alternative<BatchNorm>(node.op);
  std::vector<Tensor> operands;
  for (const TensorId id : node.inputs) {
    Tensor operand = values[static_cast<size_t>(id)];
    const thimble::Tensor& tensor = graph_.tensor(id);
    if (broadcasts(node.op) && !tensor.is_constant() && tensor.shape.size() < output_shape.size()) {
      operand = with_rank(operand, output_shape.size());
    }
    if (takes_bfloat16) operand = operand.to(torch::kBFloat16);
    operands.push_back(std::move(operand));
  }
  return apply_operator(node, operands, output_shape, training, kMomentum);
}

Tensor Executor::rounded(TensorId id, const Tensor& value) const {
  const int32_t quantizer = quantizer_of_[static_cast<size_t>(id)];
  if (quantizer < 0) return value;
  return fake_quantize(value, scales_[static_cast<size_t>(quantizer)],
                       quantizers_[static_cast<size_t>(quantizer)], !graph_.tensor(id).is_constant());
}

void Executor::run_chain(std::span<const size_t> chain, std::vector<Tensor>& values) const {
  const Node& norm = graph_.nodes[chain.front()];
  const Tensor& x = values[static_cast<size_t>(norm.inputs[0])];
  if (!x.is_cpu() || x.scalar_type() != torch::kFloat32) {
    for (const size_t n : chain) {
      values[static_cast<size_t>(graph_.nodes[n].outputs[0])] = compute(graph_.nodes[n], values, true);
    }
    return;
  }
  std::vector<Tensor> operands;
  for (const TensorId id : norm.inputs) operands.push_back(values[static_cast<size_t>(id)]);
  Tensor residual;
  for (const size_t n : chain) {
    const Node& node = graph_.nodes[n];
    if (!std::holds_alternative<Add>(node.op)) continue;
    const bool norm_is_first = node.inputs[0] == norm.outputs[0];
    residual = values[static_cast<size_t>(node.inputs[norm_is_first ? 1 : 0])];
  }
  const Node& last = graph_.nodes[chain.back()];
  values[static_cast<size_t>(last.outputs[0])] =
      training_norm(std::get<BatchNorm>(norm.op), operands, residual, activation_of(last.op), kMomentum);
}

Graph Executor::trained_graph() const {
  Graph result = graph_;
  for (const auto* ids : {&parameters_, &statistics_}) {
    for (const TensorId id : *ids) {
      const Tensor value = constant(id).cpu().contiguous();
      std::memcpy(result.tensor(id).data->data(), value.data_ptr<float>(), result.tensor(id).data->size());
    }
  }
  return result;
}

}  // namespace thimble::train
