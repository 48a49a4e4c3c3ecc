#include "graph/quantize_from_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "graph/lookup_table.h"

namespace thimble {
namespace {

/// No activation has a finer scale; the bound keeps every product of scales a normal number.
constexpr double kSmallestScale = 1e-9;

/// A bias takes at most this many steps, which leaves the accumulator as much room again.
constexpr double kLargestBias = 1 << 30;

constexpr std::string_view kNoSuchLayer = "is to be quantized, but the network has none of that name";

/// Whether the operator only moves or chooses its one input's integers, so that it cannot change their scale.
bool keeps_scale(const Operator& op) {
  return std::holds_alternative<MaxPool2D>(op) || std::holds_alternative<AveragePool2D>(op) ||
         std::holds_alternative<Reshape>(op) || std::holds_alternative<Pad>(op) ||
         std::holds_alternative<Transpose>(op) || std::holds_alternative<Slice>(op) ||
         std::holds_alternative<ResizeNearest>(op);
}

/// Whether the operator does the same with several inputs, which must share one scale.
bool joins_scales(const Operator& op) {
  return std::holds_alternative<Concat>(op) || std::holds_alternative<Maximum>(op) ||
         std::holds_alternative<Minimum>(op);
}

/// Whether the operator puts in a value that only stands for the lowest or highest there is.
bool pads_with_the_extreme(const Operator& op) {
  const auto* pad = std::get_if<Pad>(&op);
  return pad != nullptr && std::abs(pad->value) > 1e30F;
}

Range united(Range a, Range b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

/// The sets of tensors that must share one scale.
class ScaleGroups {
 public:
  explicit ScaleGroups(size_t tensors) : parent_(tensors) { std::iota(parent_.begin(), parent_.end(), 0); }

  TensorId of(TensorId id) const {
    while (parent_[static_cast<size_t>(id)] != id) id = parent_[static_cast<size_t>(id)];
    return id;
  }
  void unite(TensorId a, TensorId b) { parent_[static_cast<size_t>(of(a))] = of(b); }

 private:
  std::vector<TensorId> parent_;
};

ScaleGroups find_groups(const Graph& graph) {
  ScaleGroups groups(graph.tensors.size());
  std::vector<bool> fixed(graph.tensors.size(), false);
  for (const Node& node : graph.nodes) {
    const auto output = static_cast<size_t>(node.outputs[0]);
    fixed[output] = fixed_quantization(node.op, DataType::kInt8).has_value();
    if (keeps_scale(node.op)) fixed[output] = fixed[static_cast<size_t>(node.inputs[0])];
    if (!keeps_scale(node.op) && !joins_scales(node.op)) continue;
    for (const TensorId input : node.inputs) {
      // What has a scale of its own changes it before it joins others (requantize_fixed_scales).
      if (joins_scales(node.op) && fixed[static_cast<size_t>(input)]) continue;
      groups.unite(input, node.outputs[0]);
    }
  }
  return groups;
}

class Quantizer {
 public:
  Quantizer(const Graph& graph, const std::vector<Range>& ranges, const QuantizeOptions& options)
      : result_(graph), ranges_(ranges), options_(options), groups_(graph.tensors.size()) {}

  Graph run() && {
    check();
    for (const Tensor& tensor : result_.tensors) names_.insert(tensor.name);
    for (const Node& node : result_.nodes) names_.insert(node.name);
    choose_types();
    requantize_fixed_scales();
    groups_ = find_groups(result_);
    quantize_activations();
    for (Node& node : result_.nodes) {
      if (has_weights(node.op)) quantize_weights(node);
    }
    validate(result_);
    return std::move(result_);
  }

 private:
  void check() {
    for (const Tensor& tensor : result_.tensors) {
      if (tensor.type != DataType::kFloat32) {
        throw Error(fmt::format("Tensor '{}'", tensor.name),
                    fmt::format("has type {}: the model is quantized already", name_of(tensor.type)),
                    "Quantize the float32 model");
      }
      if (!tensor.is_constant()) continue;
      for (const float value : tensor.values<float>()) {
        if (std::isfinite(value)) continue;
        throw Error(fmt::format("Tensor '{}'", tensor.name), "holds a value that is not finite",
                    "Check that training did not diverge");
      }
    }
    for (const Node& node : result_.nodes) {
      if (std::holds_alternative<BatchNorm>(node.op)) {
        throw Error(fmt::format("BatchNorm '{}'", node.name), "cannot be computed in integers",
                    "Fold it into the layer before it; one without such a layer has no integer form");
      }
      for (size_t i = 1; has_weights(node.op) && i < node.inputs.size(); ++i) {
        const Tensor& tensor = result_.tensor(node.inputs[i]);
        if (!tensor.is_constant()) {
          throw Error(fmt::format("{} '{}'", name_of(node.op), node.name),
                      fmt::format("its weights '{}' are computed, not constant", tensor.name),
                      "Quantization knows only constant weights");
        }
      }
    }
    for (const TensorId id : activations()) checked_range(id);
    for (const auto& [name, layer] : options_.layers) check_layer(name, layer);
    check_bits("Quantization", options_.bits);
    for (const auto& [name, bits] : options_.layer_activations) {
      if (std::ranges::find(result_.nodes, name, &Node::name) == result_.nodes.end()) {
        throw Error(fmt::format("Layer '{}'", name), kNoSuchLayer,
                    "Name one as `thimble profile --per-layer` does");
      }
      check_activation_bits(fmt::format("Layer '{}'", name), bits);
    }
    check_activation_bits("Quantization", options_.activations);
  }

  static void check_activation_bits(const std::string& where, int32_t bits) {
    if (bits == 8 || bits == 16) return;
    throw Error(where, fmt::format("asks for activations of {} bits", bits), "Take 8 or 16");
  }

  static void check_bits(const std::string& where, int32_t bits) {
    if (bits == 8 || (bits >= 2 && bits <= 4)) return;
    throw Error(where, fmt::format("asks for weights of {} bits", bits), "Take 8, 4, 3 or 2");
  }

  void check_layer(const std::string& name, const WeightQuantization& layer) const {
    const auto node = std::ranges::find(result_.nodes, name, &Node::name);
    if (node == result_.nodes.end() || !has_weights(node->op)) {
      throw Error(fmt::format("Layer '{}'", name), kNoSuchLayer,
                  "Name a convolution or dense layer as `thimble profile --per-layer` does");
    }
    check_bits(fmt::format("Layer '{}'", name), layer.bits);
    const Shape& weights = result_.tensor(node->inputs[1]).shape;
    const auto channels = static_cast<size_t>(weights[static_cast<size_t>(output_channel_axis(node->op))]);
    const bool fits = layer.scales.size() <= 1 || layer.scales.size() == channels;
    const bool positive =
        std::ranges::all_of(layer.scales, [](float scale) { return std::isfinite(scale) && scale > 0; });
    if (fits && positive) return;
    throw Error(fmt::format("Layer '{}'", name),
                fmt::format("has {} output channels and is given {} scales{}", channels, layer.scales.size(),
                            positive ? "" : ", some of which are not positive numbers"),
                "Give one positive scale, or one for each output channel");
  }

  /// Graph inputs, computed tensors, and constants in the place of an activation.
  std::set<TensorId> activations() const {
    std::set<TensorId> result(result_.inputs.begin(), result_.inputs.end());
    for (const Node& node : result_.nodes) {
      result.insert(node.outputs.begin(), node.outputs.end());
      const auto end = has_weights(node.op) ? node.inputs.begin() + 1 : node.inputs.end();
      result.insert(node.inputs.begin(), end);
    }
    return result;
  }

  Range checked_range(TensorId id) const {
    const Tensor& tensor = result_.tensor(id);
    Range range{};
    if (tensor.is_constant()) {
      const std::span<const float> values = tensor.values<float>();
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      range = {*low, *high};
    } else {
      if (static_cast<size_t>(id) >= ranges_.size()) {
        throw Error(fmt::format("Tensor '{}'", tensor.name), "has no calibrated range",
                    "Calibrate the graph that is to be quantized");
      }
      range = ranges_[static_cast<size_t>(id)];
    }
    if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high) {
      throw Error(fmt::format("Tensor '{}'", tensor.name),
                  fmt::format("has the range [{}, {}]", range.low, range.high),
                  "Check that training did not diverge, and calibrate again");
    }
    return range;
  }

  static DataType activation_type(int32_t bits) { return bits == 16 ? DataType::kInt16 : DataType::kInt8; }

  /// A Quantize of what `source` holds, whose result is `type`; it comes before the node that reads it.
  TensorId add_requantization(TensorId source, std::string name, DataType type, std::vector<Node>& nodes) {
    while (!names_.insert(name).second) name += "_";
    Tensor copy = result_.tensor(source);
    copy.name = std::move(name);
    const TensorId id = result_.add(std::move(copy));
    nodes.push_back({result_.tensor(id).name, Quantize{}, {source}, {id}});
    ranges_.resize(result_.tensors.size());
    ranges_.back() = ranges_[static_cast<size_t>(source)];
    types_.resize(result_.tensors.size());
    types_.back() = type;
    return id;
  }

  /// The type of every activation: that of the node that gives it. Where a node of the other type reads it, a
  /// Quantize comes between; a constant gets a copy.
  void choose_types() {
    types_.assign(result_.tensors.size(), activation_type(options_.activations));
    std::map<std::pair<TensorId, DataType>, TensorId> converted;
    std::set<TensorId> constants;
    std::vector<Node> nodes;
    for (Node& node : result_.nodes) {
      const auto given = options_.layer_activations.find(node.name);
      const DataType type =
          activation_type(given == options_.layer_activations.end() ? options_.activations : given->second);
      const size_t activations = has_weights(node.op) ? 1 : node.inputs.size();
      for (size_t i = 0; i < activations; ++i) {
        TensorId& id = node.inputs[i];
        const bool is_constant = result_.tensor(id).is_constant();
        if (is_constant && constants.insert(id).second) types_[static_cast<size_t>(id)] = type;
        if (types_[static_cast<size_t>(id)] == type) continue;
        const auto [known, is_new] = converted.try_emplace({id, type}, kNoTensor);
        if (is_new && is_constant) {
          known->second = result_.add(Tensor(result_.tensor(id)));
          types_.push_back(type);
        } else if (is_new) {
          known->second = add_requantization(id, fmt::format("{}_{}", result_.tensor(id).name, name_of(type)),
                                             type, nodes);
        }
        id = known->second;
      }
      types_[static_cast<size_t>(node.outputs[0])] = type;
      nodes.push_back(std::move(node));
    }
    result_.nodes = std::move(nodes);
  }

  /// Softmax, Sigmoid and Tanh have a scale of their own (the integer kernels'), which values from elsewhere
  /// need not fit: where the two meet in a Concat, the former change their scale first.
  void requantize_fixed_scales() {
    std::vector<bool> fixed(result_.tensors.size(), false);
    std::vector<Node> nodes;
    for (Node& node : result_.nodes) {
      const auto output = static_cast<size_t>(node.outputs[0]);
      if (fixed_quantization(node.op, types_[output])) fixed[output] = true;
      if (keeps_scale(node.op)) fixed[output] = fixed[static_cast<size_t>(node.inputs[0])];
      if (joins_scales(node.op)) {
        for (size_t i = 0; i < node.inputs.size(); ++i) {
          const TensorId source = node.inputs[i];
          if (!fixed[static_cast<size_t>(source)]) continue;
          node.inputs[i] = add_requantization(source, fmt::format("{}_requantized_{}", node.name, i),
                                              types_[output], nodes);
          ranges_.back() = ranges_[output];
          fixed.push_back(false);
        }
      }
      nodes.push_back(std::move(node));
    }
    result_.nodes = std::move(nodes);
  }

  void quantize_activations() {
    std::set<TensorId> extreme;
    for (const Node& node : result_.nodes) {
      if (pads_with_the_extreme(node.op)) extreme.insert(node.outputs[0]);
    }
    std::map<TensorId, Range> range_of_group;
    for (const TensorId id : activations()) {
      if (extreme.contains(id)) continue;  // its input has the range that counts
      const Range range = checked_range(id);
      const auto [entry, added] = range_of_group.try_emplace(groups_.of(id), range);
      if (!added) entry->second = united(entry->second, range);
    }
    // What a Softmax of int8 reads has steps that its kernel can tell apart; scores within a finer one are
    // alike in its result, too.
    for (const Node& node : result_.nodes) {
      const auto* softmax = std::get_if<Softmax>(&node.op);
      if (softmax == nullptr || types_[static_cast<size_t>(node.inputs[0])] != DataType::kInt8) continue;
      const auto range = range_of_group.find(groups_.of(node.inputs[0]));
      if (range == range_of_group.end()) continue;
      const float narrowest = 255 * std::ldexp(1.0F, -25) / softmax->beta;
      if (range->second.high - range->second.low < narrowest)
        range->second.high = range->second.low + narrowest;
    }
    std::map<TensorId, Quantization> fixed_groups;
    for (const Node& node : result_.nodes) {
      const TensorId output = node.outputs[0];
      const auto fixed = fixed_quantization(node.op, types_[static_cast<size_t>(output)]);
      if (fixed) fixed_groups[groups_.of(output)] = *fixed;
    }
    for (const TensorId id : activations()) {
      const TensorId group = groups_.of(id);
      const DataType type = types_[static_cast<size_t>(id)];
      Quantization quantization = activation_quantization(range_of_group.at(group), type);
      const auto fixed = fixed_groups.find(group);
      if (fixed != fixed_groups.end()) quantization = fixed->second;
      Tensor& tensor = result_.tensor(id);
      if (tensor.is_constant()) {
        originals_.emplace(id, tensor);
        tensor.data = type == DataType::kInt16 ? integers<int16_t>(tensor.values<float>(), quantization)
                                               : integers<int8_t>(tensor.values<float>(), quantization);
      }
      tensor.type = type;
      tensor.quantization = std::move(quantization);
    }
  }

  template <typename T>
  static std::vector<std::byte> integers(std::span<const float> values, const Quantization& quantization) {
    std::vector<T> result;
    for (const float value : values) {
      const double rounded = std::round(double{value} / quantization.scales[0]) + quantization.zero_points[0];
      result.push_back(static_cast<T>(
          std::clamp<double>(rounded, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
    }
    return Tensor::to_bytes<T>(result);
  }

  void quantize_weights(Node& node) {
    const Tensor weights = constant(node.inputs[1]);
    const bool has_bias = node.inputs.size() == 3;
    const std::vector<float> bias = has_bias ? to_vector(constant(node.inputs[2])) : std::vector<float>();
    const std::span<const float> values = weights.values<float>();

    // Weights are (channels, rest) but for depthwise ones, which are (rest, channels).
    const int32_t axis = output_channel_axis(node.op);
    const bool depthwise = axis != 0;
    const auto channels = static_cast<size_t>(weights.shape[static_cast<size_t>(axis)]);
    const size_t rest = values.size() / channels;
    const auto index = [&](size_t channel, size_t i) {
      return depthwise ? i * channels + channel : channel * rest + i;
    };
    const double input_scale = result_.tensor(node.inputs[0]).quantization->scales[0];
    const double output_scale = result_.tensor(node.outputs[0]).quantization->scales[0];

    const auto given = options_.layers.find(node.name);
    const WeightQuantization layer =
        given == options_.layers.end() ? WeightQuantization{options_.bits} : given->second;
    const bool narrow = layer.bits <= 4;
    const int32_t largest_integer = largest_weight(layer.bits);

    Tensor integer_weights{
        weights.name, narrow ? DataType::kInt4 : DataType::kInt8, weights.shape, Quantization{}, {}};
    integer_weights.quantization->bits = layer.bits;
    integer_weights.quantization->axis = axis;
    std::vector<int8_t> integers(values.size());
    const bool is_wide = types_[static_cast<size_t>(node.outputs[0])] == DataType::kInt16;
    Tensor integer_bias{has_bias ? constant(node.inputs[2]).name : "",
                        is_wide ? DataType::kInt64 : DataType::kInt32,
                        {},
                        Quantization{},
                        {}};
    integer_bias.shape = {static_cast<int32_t>(channels)};
    integer_bias.quantization->axis = 0;
    integer_bias.quantization->bits = 32;
    const bool one_scale =
        layer.scales.empty() ? !takes_channel_scales(node.op, layer.bits) : layer.scales.size() == 1;
    const bool any_weights = std::ranges::any_of(values, [](float value) { return value != 0; });
    std::vector<float> scales;
    for (size_t channel = 0; channel < channels; ++channel) {
      double scale = 0;  // of a channel without weights, whatever is given
      for (size_t i = 0; i < rest; ++i)
        scale = std::max(scale, std::abs(double{values[index(channel, i)]}) / largest_integer);
      if (scale > 0 && !layer.scales.empty()) scale = layer.scales[layer.scales.size() == 1 ? 0 : channel];
      if (scale == 0 && one_scale && any_weights) scale = std::numeric_limits<float>::min();  // others decide
      scales.push_back(usable_scale(scale, has_bias ? bias[channel] : 0, input_scale, output_scale));
    }
    if (one_scale) {
      scales = {*std::max_element(scales.begin(), scales.end())};
      integer_weights.quantization->axis = integer_bias.quantization->axis = -1;
    }
    std::vector<int32_t> integer_bias_values;
    for (size_t channel = 0; channel < channels; ++channel) {
      const float scale = scales[scales.size() == 1 ? 0 : channel];
      for (size_t i = 0; i < rest; ++i) {
        const double rounded = std::round(values[index(channel, i)] / double{scale});
        integers[index(channel, i)] =
            static_cast<int8_t>(std::clamp<double>(rounded, -largest_integer, largest_integer));
      }
      const double b = has_bias ? bias[channel] : 0;
      integer_bias_values.push_back(static_cast<int32_t>(
          std::clamp(std::round(b / (input_scale * scale)), -kLargestBias, kLargestBias)));
    }
    for (const float scale : scales) {
      integer_weights.quantization->scales.push_back(scale);
      integer_bias.quantization->scales.push_back(static_cast<float>(input_scale * scale));
    }
    integer_weights.quantization->zero_points.assign(scales.size(), 0);
    integer_bias.quantization->zero_points.assign(scales.size(), 0);
    integer_weights.data = narrow ? packed_int4(integers) : Tensor::to_bytes<int8_t>(integers);
    integer_bias.data = is_wide ? Tensor::to_bytes<int64_t>(std::vector<int64_t>(integer_bias_values.begin(),
                                                                                 integer_bias_values.end()))
                                : Tensor::to_bytes<int32_t>(integer_bias_values);
    node.inputs[1] = replace(node.inputs[1], std::move(integer_weights));
    if (has_bias) node.inputs[2] = replace(node.inputs[2], std::move(integer_bias));
  }

  /// The scale that is wanted, unless the bias would then not fit: a channel whose weights are next to
  /// nothing gives them up for its bias. A channel without weights (0) takes steps much finer than those of
  /// the output.
  static float usable_scale(double scale, double bias, double input_scale, double output_scale) {
    if (scale == 0) scale = output_scale / input_scale / 65536;
    scale = std::max({scale, std::abs(bias) / kLargestBias / input_scale,
                      static_cast<double>(std::numeric_limits<float>::min()) / kSmallestScale});
    return static_cast<float>(scale);
  }

  static std::vector<float> to_vector(const Tensor& tensor) {
    return {tensor.values<float>().begin(), tensor.values<float>().end()};
  }

  /// A constant as it was in the float graph, whatever has been made of it for another node.
  const Tensor& constant(TensorId id) const {
    const auto original = originals_.find(id);
    return original == originals_.end() ? result_.tensor(id) : original->second;
  }

  /// Puts the integer form in the constant's place, or beside it when another node has put its own form
  /// there.
  TensorId replace(TensorId id, Tensor integer_form) {
    Tensor& current = result_.tensor(id);
    if (current.type == DataType::kFloat32) {
      originals_.emplace(id, std::exchange(current, std::move(integer_form)));
      return id;
    }
    if (current.type == integer_form.type && current.quantization == integer_form.quantization) return id;
    return result_.add(std::move(integer_form));
  }

  Graph result_;
  std::vector<Range> ranges_;
  const QuantizeOptions& options_;
  std::set<std::string> names_;  ///< of tensors and nodes
  ScaleGroups groups_;
  std::vector<DataType> types_;  ///< by tensor: what an activation becomes
  std::map<TensorId, Tensor> originals_;
};

}  // namespace

bool has_weights(const Operator& op) {
  return std::holds_alternative<Conv2D>(op) || std::holds_alternative<DepthwiseConv2D>(op) ||
         std::holds_alternative<FullyConnected>(op);
}

int32_t output_channel_axis(const Operator& op) {
  return std::holds_alternative<DepthwiseConv2D>(op) ? 3 : 0;
}

int32_t largest_weight(int32_t bits) { return (1 << (bits - 1)) - 1; }

bool takes_channel_scales(const Operator& op, int32_t bits) {
  return !std::holds_alternative<FullyConnected>(op) || bits < 8;
}

Quantization activation_quantization(Range range, DataType type) {
  const double low = std::min(range.low, 0.0F);
  const double high = std::max(range.high, 0.0F);
  if (type == DataType::kInt16) {
    const double scale = low == high ? 1.0 / 32767 : std::max(std::max(-low, high) / 32767, kSmallestScale);
    return {{static_cast<float>(scale)}, {0}, -1, 16};
  }
  if (low == high) return {{1.0F / 255}, {-128}, -1, 8};  // a dead activation: any scale does
  const auto scale = static_cast<float>(std::max((high - low) / 255, kSmallestScale));
  const double zero_point = std::clamp(std::round(-128 - low / scale), -128.0, 127.0);
  return {{scale}, {static_cast<int32_t>(zero_point)}, -1, 8};
}

std::vector<TensorId> scale_groups(const Graph& graph) {
  const ScaleGroups groups = find_groups(graph);
  std::vector<TensorId> result;
  for (size_t id = 0; id < graph.tensors.size(); ++id) result.push_back(groups.of(static_cast<TensorId>(id)));
  return result;
}

Graph quantize_from_ranges(const Graph& graph, const std::vector<Range>& ranges,
                           const QuantizeOptions& options) {
  return Quantizer(graph, ranges, options).run();
}

}  // namespace thimble
