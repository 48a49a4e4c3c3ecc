#include "graph/channel_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace thimble {
namespace {

/// An axis of a tensor.
struct Axis {
  TensorId tensor = kNoTensor;
  int32_t axis = 0;
};

/// Axes next to each other of a reshape's input and output that hold the same elements.
struct ReshapeBlock {
  std::vector<int32_t> from, to;
};

/// The smallest such blocks, in order; axes of extent 1 are left out.
std::vector<ReshapeBlock> reshape_blocks(const Shape& from, const Shape& to) {
  std::vector<ReshapeBlock> blocks;
  size_t i = 0;
  size_t j = 0;
  const auto skip_ones = [](const Shape& shape, size_t& axis) {
    while (axis < shape.size() && shape[axis] == 1) ++axis;
  };
  for (skip_ones(from, i), skip_ones(to, j); i < from.size(); skip_ones(from, i), skip_ones(to, j)) {
    ReshapeBlock block;
    int64_t left = 1;
    int64_t right = 1;
    do {
      // Both shapes hold the same elements, so neither ends before the products meet.
      const bool take_left = left <= right;
      size_t& axis = take_left ? i : j;
      const Shape& shape = take_left ? from : to;
      (take_left ? left : right) *= shape[axis];
      if (shape[axis] > 1) (take_left ? block.from : block.to).push_back(static_cast<int32_t>(axis));
      ++axis;
    } while (left != right);
    blocks.push_back(std::move(block));
  }
  return blocks;
}

/// Finds which indices of all axes of all tensors leave the network together: a union-find over them.
class Coupling {
 public:
  explicit Coupling(const Graph& graph) : graph_(graph) {
    constexpr size_t kMost = size_t{1} << 26;
    size_t labels = 0;
    for (const Tensor& tensor : graph.tensors) {
      first_.emplace_back();
      for (const int32_t extent : tensor.shape) {
        first_.back().push_back(labels);
        labels += static_cast<size_t>(extent);
      }
      if (labels <= kMost) continue;
      throw Error(graph.name, "has tensors too large to look for channels in",
                  "Prune a network for smaller inputs");
    }
    parent_.resize(labels);
    std::iota(parent_.begin(), parent_.end(), size_t{0});
    for (const TensorId id : graph.inputs) lock_tensor(id, "they are an input of the network");
    for (const TensorId id : graph.outputs) lock_tensor(id, "they are an output of the network");
    // Where several axes are flattened into one, what is known of them from the rest of the network decides
    // which of them holds the channels.
    for (const bool reshapes : {false, true}) {
      for (const Node& node : graph.nodes) {
        if (std::holds_alternative<Reshape>(node.op) != reshapes) continue;
        node_ = &node;
        std::visit(*this, node.op);
      }
    }
  }

  size_t root(const ChannelSlot& slot) { return root(label(slot.tensor, slot.axis, slot.index)); }
  std::string reason(size_t root) const {
    const auto found = locks_.find(root);
    return found == locks_.end() ? std::string() : found->second;
  }

  // What each operator couples and locks.

  void operator()(const Conv2D& op) {
    const TensorId x = node_->inputs[0];
    const TensorId w = node_->inputs[1];
    lock_window(x, w);
    const int32_t inputs = extent({w, 3});
    const int32_t outputs = extent({w, 0}) / op.groups;
    for (int32_t g = 0; g < op.groups; ++g) {
      for (int32_t i = 0; i < inputs; ++i) join({x, 3, g * inputs + i}, {w, 3, i});
      for (int32_t o = 0; o < outputs; ++o) join({w, 0, o}, {w, 0, g * outputs + o});
    }
    join_axes({w, 0}, {output(), 3});
    join_bias(3);
  }

  void operator()(const DepthwiseConv2D& op) {
    const TensorId x = node_->inputs[0];
    const TensorId w = node_->inputs[1];
    lock_window(x, w);
    for (int32_t o = 0; o < extent({w, 3}); ++o) join({x, 3, o / op.multiplier}, {w, 3, o});
    join_axes({w, 3}, {output(), 3});
    join_bias(3);
  }

  void operator()(const FullyConnected&) {
    join_axes({node_->inputs[0], 1}, {node_->inputs[1], 1});
    join_axes({node_->inputs[1], 0}, {output(), 1});
    // Rows may be what was channels before a transposition.
    if (extent({output(), 0}) > 1) join_axes({node_->inputs[0], 0}, {output(), 0});
    join_bias(1);
  }

  void operator()(const Add&) { broadcast(); }
  void operator()(const Sub&) { broadcast(); }
  void operator()(const Mul&) { broadcast(); }
  void operator()(const Maximum&) { broadcast(); }
  void operator()(const Minimum&) { broadcast(); }
  void operator()(const MaxPool2D&) { image(); }
  void operator()(const AveragePool2D&) { image(); }
  void operator()(const ResizeNearest&) { image(); }
  void operator()(const Sigmoid&) { same(); }
  void operator()(const Tanh&) { same(); }
  void operator()(const HardSwish&) { same(); }
  void operator()(const LeakyRelu&) { same(); }
  void operator()(const Quantize&) { same(); }
  void operator()(const Dequantize&) { same(); }
  void operator()(const Relu&) { same(); }
  void operator()(const Relu6&) { same(); }

  void operator()(const Softmax&) {
    same();
    lock_axis({output(), rank(output()) - 1}, fmt::format("'{}' is a softmax over them", node_->name));
  }

  void operator()(const BatchNorm&) {
    same();
    for (size_t i = 1; i < node_->inputs.size(); ++i) {
      join_axes({output(), rank(output()) - 1}, {node_->inputs[i], 0});
    }
  }

  void operator()(const Mean& op) {
    const TensorId x = node_->inputs[0];
    int32_t to = 0;
    for (int32_t from = 0; from < rank(x); ++from) {
      if (from < op.axes.front() || from > op.axes.back()) {
        join_axes({x, from}, {output(), to++});
      } else {
        lock_axis({x, from}, fmt::format("'{}' is a mean over them", node_->name));
        if (op.keep_dims) ++to;
      }
    }
  }

  void operator()(const Transpose& op) {
    for (int32_t axis = 0; axis < rank(output()); ++axis) {
      join_axes({node_->inputs[0], op.axes[axis]}, {output(), axis});
    }
  }

  void operator()(const Slice& op) {
    const TensorId x = node_->inputs[0];
    for (int32_t axis = 0; axis < rank(x); ++axis) {
      for (int32_t i = 0; i < op.size[axis]; ++i) {
        join({x, axis, op.begin[axis] + i * op.stride[axis]}, {output(), axis, i});
      }
      if (op.stride[axis] != 1) lock_axis({x, axis}, fmt::format("'{}' takes some at a stride", node_->name));
    }
  }

  void operator()(const Concat& op) {
    int32_t offset = 0;
    for (const TensorId x : node_->inputs) {
      for (int32_t axis = 0; axis < rank(x); ++axis) {
        if (axis != op.axis) join_axes({x, axis}, {output(), axis});
      }
      for (int32_t i = 0; i < extent({x, op.axis}); ++i) {
        join({x, op.axis, i}, {output(), op.axis, offset + i});
      }
      offset += extent({x, op.axis});
    }
  }

  void operator()(const Pad& op) {
    const TensorId x = node_->inputs[0];
    const std::string reason = fmt::format("'{}' pads with them", node_->name);
    for (int32_t axis = 0; axis < rank(x); ++axis) {
      const int32_t end = op.before[axis] + extent({x, axis});
      for (int32_t i = op.before[axis]; i < end; ++i) {
        join({x, axis, i - op.before[axis]}, {output(), axis, i});
      }
      for (int32_t i = 0; i < op.before[axis]; ++i) lock({output(), axis, i}, reason);
      for (int32_t i = end; i < extent({output(), axis}); ++i) lock({output(), axis, i}, reason);
    }
  }

  void operator()(const Reshape&) {
    const TensorId x = node_->inputs[0];
    for (const ReshapeBlock& block : reshape_blocks(graph_.tensor(x).shape, graph_.tensor(output()).shape)) {
      if (block.from.size() == 1 && block.to.size() == 1) {
        join_axes({x, block.from[0]}, {output(), block.to[0]});
      } else if (block.to.size() == 1) {
        flatten(x, block.from, {output(), block.to[0]});
      } else if (block.from.size() == 1) {
        flatten(output(), block.to, {x, block.from[0]});
      } else {
        const std::string reason = fmt::format("'{}' cuts them anew", node_->name);
        for (const int32_t axis : block.from) lock_axis({x, axis}, reason);
        for (const int32_t axis : block.to) lock_axis({output(), axis}, reason);
      }
    }
  }

 private:
  TensorId output() const { return node_->outputs[0]; }
  int32_t rank(TensorId id) const { return static_cast<int32_t>(graph_.tensor(id).shape.size()); }
  int32_t extent(Axis a) const { return graph_.tensor(a.tensor).shape[static_cast<size_t>(a.axis)]; }

  size_t label(TensorId tensor, int32_t axis, int32_t index) const {
    return first_[static_cast<size_t>(tensor)][static_cast<size_t>(axis)] + static_cast<size_t>(index);
  }

  size_t root(size_t label) {
    while (parent_[label] != label) label = parent_[label] = parent_[parent_[label]];
    return label;
  }

  void join(const ChannelSlot& a, const ChannelSlot& b) {
    const size_t from = root(b);
    const size_t to = root(a);
    if (from == to) return;
    parent_[from] = to;
    if (auto lock = locks_.extract(from)) {
      lock.key() = to;
      locks_.insert(std::move(lock));
    }
  }

  void join_axes(Axis a, Axis b) {
    for (int32_t i = 0; i < extent(a); ++i) join({a.tensor, a.axis, i}, {b.tensor, b.axis, i});
  }

  void lock(const ChannelSlot& slot, const std::string& reason) { locks_.emplace(root(slot), reason); }
  void lock_axis(Axis a, const std::string& reason) {
    for (int32_t i = 0; i < extent(a); ++i) lock({a.tensor, a.axis, i}, reason);
  }
  void lock_tensor(TensorId id, const std::string& reason) {
    for (int32_t axis = 0; axis < rank(id); ++axis) lock_axis({id, axis}, reason);
  }
  bool is_locked(Axis a) {
    for (int32_t i = 0; i < extent(a); ++i) {
      if (!locks_.contains(root({a.tensor, a.axis, i}))) return false;
    }
    return true;
  }

  void lock_rows_and_columns(TensorId id) {
    for (const int32_t axis : {1, 2}) {
      lock_axis({id, axis}, fmt::format("they are rows or columns to '{}'", node_->name));
    }
  }

  /// Of a convolution of `x` by `w`.
  void lock_window(TensorId x, TensorId w) {
    for (const TensorId id : {x, w, output()}) lock_rows_and_columns(id);
  }

  void join_bias(int32_t channel_axis) {
    if (node_->inputs.size() == 3) join_axes({node_->inputs[2], 0}, {output(), channel_axis});
  }

  void image() {
    lock_rows_and_columns(node_->inputs[0]);
    lock_rows_and_columns(output());
    join_axes({node_->inputs[0], 3}, {output(), 3});
  }

  void same() {
    for (int32_t axis = 0; axis < rank(output()); ++axis) {
      join_axes({node_->inputs[0], axis}, {output(), axis});
    }
  }

  /// An operand's axis of extent 1 serves all indices of the result and is no channel of its own.
  void broadcast() {
    for (const TensorId x : node_->inputs) {
      const int32_t lead = rank(output()) - rank(x);
      for (int32_t axis = 0; axis < rank(x); ++axis) {
        const Axis to = {output(), axis + lead};
        if (extent({x, axis}) == extent(to)) join_axes({x, axis}, to);
      }
    }
  }

  /// Couples the indices of `flat` with those of one of the `axes` that make it up; the others are locked.
  void flatten(TensorId id, const std::vector<int32_t>& axes, Axis flat) {
    const auto free = [&](int32_t axis) { return !is_locked({id, axis}); };
    // Channels are the last axis in the Graph's layout, unless something moved them.
    const auto last_free = std::find_if(axes.rbegin(), axes.rend(), free);
    const int32_t channel_axis = last_free == axes.rend() ? axes.back() : *last_free;
    int32_t inner = 1;
    for (const int32_t axis : axes) {
      if (axis != channel_axis) lock_axis({id, axis}, fmt::format("'{}' flattens them", node_->name));
      if (axis > channel_axis) inner *= extent({id, axis});
    }
    const int32_t channels = extent({id, channel_axis});
    for (int32_t k = 0; k < extent(flat); ++k) {
      join({id, channel_axis, k / inner % channels}, {flat.tensor, flat.axis, k});
    }
  }

  const Graph& graph_;
  const Node* node_ = nullptr;
  std::vector<std::vector<size_t>> first_;  ///< [tensor][axis]: its first label
  std::vector<size_t> parent_;
  std::map<size_t, std::string> locks_;  ///< by root
};

/// Where a layer's output channels lie in its weights, or nothing for what is no layer.
std::optional<Axis> output_channels(const Node& node) {
  if (std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<FullyConnected>(node.op)) {
    return Axis{node.inputs[1], 0};
  }
  if (std::holds_alternative<DepthwiseConv2D>(node.op)) return Axis{node.inputs[1], 3};
  return std::nullopt;
}

}  // namespace

std::vector<ChannelGroup> channel_groups(const Graph& graph) {
  if (is_quantized(graph)) {
    throw Error(graph.name, "is quantized; channels are removed from float32 networks",
                "Prune the float32 network, then quantize it");
  }
  Coupling coupling(graph);
  std::map<size_t, std::vector<ChannelSlot>> channels;  // by root
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    const Shape& shape = graph.tensors[id].shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      for (int32_t i = 0; i < shape[axis]; ++i) {
        const ChannelSlot slot = {static_cast<TensorId>(id), static_cast<int32_t>(axis), i};
        channels[coupling.root(slot)].push_back(slot);
      }
    }
  }
  // Channels are of one group when they lie on the same axes, each equally often, and are locked alike.
  std::vector<ChannelGroup> groups;
  std::map<std::pair<std::string, std::vector<std::pair<TensorId, int32_t>>>, size_t> group_of;
  for (const Node& node : graph.nodes) {
    const auto axis = output_channels(node);
    if (!axis) continue;
    for (int32_t i = 0; i < graph.tensor(axis->tensor).shape[static_cast<size_t>(axis->axis)]; ++i) {
      const size_t root = coupling.root({axis->tensor, axis->axis, i});
      const auto found = channels.find(root);
      if (found == channels.end()) continue;  // an earlier layer had it
      std::vector<std::pair<TensorId, int32_t>> places;
      for (const ChannelSlot& slot : found->second) places.emplace_back(slot.tensor, slot.axis);
      const std::string locked = coupling.reason(root);
      const auto [group, is_new] = group_of.try_emplace({locked, std::move(places)}, groups.size());
      if (is_new) groups.push_back({.name = node.name, .channels = {}, .locked = locked});
      groups[group->second].channels.push_back(std::move(found->second));
      channels.erase(found);
    }
  }
  return groups;
}

}  // namespace thimble
