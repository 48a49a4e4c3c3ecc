#include "formats/onnx/fold_quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "formats/onnx/layout.h"
#include "formats/onnx/names.h"
#include "graph/lookup_table.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::onnx {
namespace {

template <typename... Ops>
bool is_any(const Operator& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}

/// Operators whose integer kernels move numbers without rescaling them.
bool keeps_scale(const Operator& op) {
  return is_any<MaxPool2D, Reshape, Concat, Pad, Transpose, Slice, ResizeNearest, Maximum, Minimum>(op);
}

/// Where an operator's integer form ends: the Quantize behind it, and the activation in between.
struct Ending {
  int32_t quantize;
  int32_t activation = -1;
};

class Folding {
 public:
  explicit Folding(const Graph& graph)
      : graph_(graph), result_(graph), producers_(producers(graph)), consumers_(consumers(graph)) {
    for (const Node& node : graph.nodes) names_.take(node.name);
  }

  Graph run() {
    std::set<int32_t> gone;
    std::vector<Node> nodes;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (gone.contains(static_cast<int32_t>(n))) continue;
      Node node = graph_.nodes[n];
      const std::optional<Ending> ending = foldable(node);
      if (ending) {
        gone.insert(ending->quantize);
        gone.insert(ending->activation);
        make_integer(node, *ending, nodes);
        const TensorId wanted = node.outputs[0];
        if (const auto computed = computed_quantization(node);
            computed && *computed != *result_.tensor(wanted).quantization) {
          Tensor own = result_.tensor(wanted);
          own.name = names_.take(node.name + "/own_scale");
          own.quantization = *computed;
          std::string name = own.name;
          node.outputs[0] = result_.add(std::move(own));
          nodes.push_back(std::move(node));
          node = {std::move(name), Quantize{}, {nodes.back().outputs[0]}, {wanted}};
        }
      } else if (is_any<Quantize>(node.op) && is_dequantized(node.inputs[0])) {
        node.inputs[0] = integer_of(node.inputs[0]);
      } else if (!is_any<Dequantize>(node.op)) {
        for (TensorId& id : node.inputs) id = real_constant(id);
      }
      nodes.push_back(std::move(node));
    }
    result_.nodes = std::move(nodes);
    return std::move(result_);
  }

 private:
  const Node* producer(TensorId id) const {
    const int32_t n = producers_[static_cast<size_t>(id)];
    return n < 0 ? nullptr : &graph_.nodes[static_cast<size_t>(n)];
  }

  bool is_dequantized(TensorId id) const {
    const Node* node = producer(id);
    return node != nullptr && is_any<Dequantize>(node->op);
  }
  TensorId integer_of(TensorId id) const { return producer(id)->inputs[0]; }

  /// The one node that reads a tensor, or -1.
  int32_t only_reader(TensorId id) const {
    const auto& readers = consumers_[static_cast<size_t>(id)];
    const bool is_output = std::count(graph_.outputs.begin(), graph_.outputs.end(), id) > 0;
    return readers.size() == 1 && !is_output ? readers[0] : -1;
  }

  /// What the integer kernel of a node gives where that does not follow the file: an operator of fixed scale,
  /// and a mean, whose terms have another range than it has.
  std::optional<Quantization> computed_quantization(const Node& node) const {
    Quantization computed = *result_.tensor(node.outputs[0]).quantization;
    std::optional<Quantization> own = fixed_quantization(node.op, result_.tensor(node.outputs[0]).type);
    if (is_any<AveragePool2D>(node.op)) own = result_.tensor(node.inputs[0]).quantization;
    if (!own) return std::nullopt;
    computed.scales = own->scales;
    computed.zero_points = own->zero_points;
    return computed;
  }

  std::optional<Ending> foldable(const Node& node) const {
    if (is_any<Quantize, Dequantize, BatchNorm>(node.op)) return std::nullopt;
    Ending ending{only_reader(node.outputs[0])};
    if (ending.quantize < 0) return std::nullopt;
    const Node* next = &graph_.nodes[static_cast<size_t>(ending.quantize)];
    if (is_any<Relu, Relu6>(next->op) && fused_activation(node.op) == Activation::kNone) {
      Operator trial = node.op;
      if (!set_fused_activation(trial, Activation::kRelu)) return std::nullopt;
      ending = {only_reader(next->outputs[0]), ending.quantize};
      if (ending.quantize < 0) return std::nullopt;
      next = &graph_.nodes[static_cast<size_t>(ending.quantize)];
    }
    if (!is_any<Quantize>(next->op) || !inputs_are_integers(node, graph_.tensor(next->outputs[0]).type))
      return std::nullopt;
    return ending;
  }

  /// Whether weights are integers and all else that the node reads is of the type that it gives.
  bool inputs_are_integers(const Node& node, DataType type) const {
    if (type == DataType::kInt16 && !has_int16_form(node.op)) return false;
    if (!is_dequantized(node.inputs[0]) && !graph_.tensor(node.inputs[0]).is_constant()) return false;
    bool any_activation = false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      const Tensor& tensor = graph_.tensor(id);
      if (is_dequantized(id)) {
        if (graph_.tensor(integer_of(id)).type != type) return false;
        any_activation = true;
      } else if (!tensor.is_constant()) {
        return false;
      } else if (has_weights(node.op) && i == 1) {
        if (!weights_fit(node, tensor)) return false;
      } else if (has_weights(node.op) && i == 2) {
        if (tensor.type != DataType::kFloat32 && tensor.type != DataType::kInt32) return false;
      } else if (tensor.type != type || tensor.quantization->per_channel()) {
        return false;
      }
    }
    return any_activation;
  }

  /// Symmetric integers, with one scale or one for each output channel.
  static bool weights_fit(const Node& node, const Tensor& weights) {
    if (weights.type != DataType::kInt8 && weights.type != DataType::kInt4) return false;
    const Quantization& q = *weights.quantization;
    const int32_t channel_axis = is_any<DepthwiseConv2D>(node.op) ? 3 : 0;
    return (!q.per_channel() || q.axis == channel_axis) &&
           std::all_of(q.zero_points.begin(), q.zero_points.end(),
                       [](int32_t zero_point) { return zero_point == 0; });
  }

  void make_integer(Node& node, const Ending& ending, std::vector<Node>& nodes) {
    const TensorId output = graph_.nodes[static_cast<size_t>(ending.quantize)].outputs[0];
    if (ending.activation >= 0) {
      const Operator& activation = graph_.nodes[static_cast<size_t>(ending.activation)].op;
      set_fused_activation(node.op, is_any<Relu6>(activation) ? Activation::kRelu6 : Activation::kRelu);
    }
    for (TensorId& id : node.inputs) {
      if (keeps_scale(node.op) && graph_.tensor(id).is_constant()) {
        id = requantized_constant(id, output);
        continue;
      }
      if (!is_dequantized(id)) continue;
      id = integer_of(id);
      if (keeps_scale(node.op)) id = requantized(id, output, node.name, nodes);
    }
    if (has_weights(node.op) && node.inputs.size() == 3) node.inputs[2] = integer_bias(node);
    node.outputs = {output};
  }

  /// The tensor at the scale of `like`, through a requantization when its own is another.
  TensorId requantized(TensorId id, TensorId like, const std::string& node_name, std::vector<Node>& nodes) {
    const Quantization wanted = *graph_.tensor(like).quantization;
    const Tensor& source = result_.tensor(id);
    if (source.quantization->scales == wanted.scales &&
        source.quantization->zero_points == wanted.zero_points)
      return id;
    Tensor tensor{.name = names_.take(node_name + "/requantize"), .type = source.type, .shape = source.shape};
    tensor.quantization = wanted;
    std::string name = tensor.name;
    const TensorId result = result_.add(std::move(tensor));
    nodes.push_back({std::move(name), Quantize{}, {id}, {result}});
    return result;
  }

  /// A constant's integers at the scale of `like`.
  TensorId requantized_constant(TensorId id, TensorId like) {
    const Quantization& wanted = *graph_.tensor(like).quantization;
    const Tensor& source = graph_.tensor(id);
    if (source.quantization->scales == wanted.scales &&
        source.quantization->zero_points == wanted.zero_points)
      return id;
    Tensor tensor = source;
    tensor.quantization = wanted;
    const auto requantize = [&]<typename T>(std::span<const T> integers) {
      std::vector<T> result;
      for (const T integer : integers) {
        const double real =
            double{source.quantization->scales[0]} * (integer - source.quantization->zero_points[0]);
        result.push_back(
            static_cast<T>(std::clamp<double>(std::round(real / wanted.scales[0]) + wanted.zero_points[0],
                                              std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
      }
      return Tensor::to_bytes<T>(result);
    };
    tensor.data = tensor.type == DataType::kInt16 ? requantize(source.values<int16_t>())
                                                  : requantize(source.values<int8_t>());
    return result_.add(std::move(tensor));
  }

  /// The bias as integers at scale s_in * s_w, which is what it mostly is already, int64 beside int16.
  TensorId integer_bias(const Node& node) {
    const Tensor& bias = graph_.tensor(node.inputs[2]);
    const Quantization& x = *graph_.tensor(node.inputs[0]).quantization;
    const Quantization& w = *graph_.tensor(node.inputs[1]).quantization;
    const size_t channels = bias.elements();
    const auto wanted = [&](size_t i) { return x.scales[0] * w.scales[w.per_channel() ? i : 0]; };
    const auto given = [&](size_t i) {
      return bias.type == DataType::kFloat32
                 ? 1.0F
                 : bias.quantization->scales[bias.quantization->per_channel() ? i : 0];
    };
    bool fits = bias.type == DataType::kInt32;
    for (size_t i = 0; i < channels && fits; ++i) fits = std::abs(given(i) - wanted(i)) <= 1e-5F * wanted(i);
    const bool is_wide = graph_.tensor(node.inputs[0]).type == DataType::kInt16;
    if (fits && !is_wide) return node.inputs[2];

    Tensor tensor{.name = bias.name, .type = DataType::kInt32, .shape = bias.shape};
    std::vector<int32_t> integers(channels);
    if (fits) {
      tensor.quantization = bias.quantization;
      std::ranges::copy(bias.values<int32_t>(), integers.begin());
    } else {
      Quantization q;
      q.axis = 0;
      q.bits = 32;
      for (size_t i = 0; i < channels; ++i) {
        const double value = bias.type == DataType::kFloat32 ? double{bias.values<float>()[i]}
                                                             : double{given(i)} * bias.values<int32_t>()[i];
        if (!std::isfinite(value))
          throw Error("Bias '" + bias.name + "'", "has a value that is no finite number",
                      "Train the model anew");
        const double rounded = std::round(value / wanted(i));
        integers[i] = static_cast<int32_t>(std::clamp(rounded, double{std::numeric_limits<int32_t>::min()},
                                                      double{std::numeric_limits<int32_t>::max()}));
        q.scales.push_back(wanted(i));
      }
      q.zero_points.assign(channels, 0);
      tensor.quantization = std::move(q);
    }
    tensor.data = Tensor::to_bytes(std::span<const int32_t>(integers));
    if (is_wide) {
      tensor.type = DataType::kInt64;
      tensor.data = Tensor::to_bytes<int64_t>(std::vector<int64_t>(integers.begin(), integers.end()));
    }
    return result_.add(std::move(tensor));
  }

  /// A constant as float32, for an operator that stays in float32.
  TensorId real_constant(TensorId id) {
    const Tensor tensor = graph_.tensor(id);
    if (!tensor.is_constant() || tensor.type == DataType::kFloat32 || !tensor.quantization) return id;
    const auto known = real_constants_.find(id);
    if (known != real_constants_.end()) return known->second;
    const Quantization& q = *tensor.quantization;
    const auto bytes =
        tensor.type == DataType::kInt4 ? unpacked_int4(*tensor.data, tensor.elements()) : *tensor.data;
    size_t inner = 1;
    for (size_t axis = static_cast<size_t>(q.axis) + 1; q.per_channel() && axis < tensor.shape.size();
         ++axis) {
      inner *= static_cast<size_t>(tensor.shape[axis]);
    }
    std::vector<float> values(tensor.elements());
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t channel = q.per_channel() ? i / inner % q.scales.size() : 0;
      const int64_t integer = tensor.type == DataType::kInt32   ? tensor.values<int32_t>()[i]
                              : tensor.type == DataType::kInt16 ? tensor.values<int16_t>()[i]
                                                                : std::to_integer<int8_t>(bytes[i]);
      values[i] = q.scales[channel] * static_cast<float>(integer - q.zero_points[channel]);
    }
    Tensor real;
    real.name = tensor.name;
    real.shape = tensor.shape;
    real.data = Tensor::to_bytes(std::span<const float>(values));
    return real_constants_[id] = result_.add(std::move(real));
  }

  const Graph& graph_;
  Graph result_;
  std::vector<int32_t> producers_;
  std::vector<std::vector<int32_t>> consumers_;
  Names names_;
  std::map<TensorId, TensorId> real_constants_;
};

}  // namespace

Graph fold_quantization(const Graph& graph) { return Folding(graph).run(); }

}  // namespace thimble::onnx
