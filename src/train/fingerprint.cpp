#include "train/fingerprint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/files.h"
#include "graph/mask.h"

namespace thimble::train {
namespace {

std::string text_of(const Padding2D& p) {
  return fmt::format("{} {} {} {}", p.top, p.bottom, p.left, p.right);
}

std::string text_of(const Operator& op) {
  const std::string fields = std::visit(
      Overload{
          [](const Conv2D& o) {
            return fmt::format("{} {} {} {} {} {} {}", o.stride_h, o.stride_w, o.dilation_h, o.dilation_w,
                               o.groups, text_of(o.padding), static_cast<int>(o.activation));
          },
          [](const DepthwiseConv2D& o) {
            return fmt::format("{} {} {} {} {} {} {}", o.stride_h, o.stride_w, o.dilation_h, o.dilation_w,
                               o.multiplier, text_of(o.padding), static_cast<int>(o.activation));
          },
          [](const FullyConnected& o) { return fmt::format("{}", static_cast<int>(o.activation)); },
          [](const Add& o) { return fmt::format("{}", static_cast<int>(o.activation)); },
          [](const Mul& o) { return fmt::format("{}", static_cast<int>(o.activation)); },
          [](const Sub& o) { return fmt::format("{}", static_cast<int>(o.activation)); },
          [](const Maximum&) { return std::string(); },
          [](const Minimum&) { return std::string(); },
          [](const Sigmoid&) { return std::string(); },
          [](const Tanh&) { return std::string(); },
          [](const HardSwish&) { return std::string(); },
          [](const LeakyRelu& o) { return fmt::format("{}", o.alpha); },
          [](const Transpose& o) { return fmt::format("{}", fmt::join(o.axes, " ")); },
          [](const Slice& o) {
            return fmt::format("{} | {} | {}", fmt::join(o.begin, " "), fmt::join(o.size, " "),
                               fmt::join(o.stride, " "));
          },
          [](const ResizeNearest& o) { return fmt::format("{} {}", o.factor_h, o.factor_w); },
          [](const MaxPool2D& o) {
            return fmt::format("{} {} {} {} {} {}", o.kernel_h, o.kernel_w, o.stride_h, o.stride_w,
                               text_of(o.padding), static_cast<int>(o.activation));
          },
          [](const AveragePool2D& o) {
            return fmt::format("{} {} {} {} {} {}", o.kernel_h, o.kernel_w, o.stride_h, o.stride_w,
                               text_of(o.padding), static_cast<int>(o.activation));
          },
          [](const Mean& o) { return fmt::format("{} {}", fmt::join(o.axes, " "), o.keep_dims); },
          [](const Softmax& o) { return fmt::format("{}", o.beta); },
          [](const Reshape& o) { return fmt::format("{}", fmt::join(o.shape, " ")); },
          [](const Concat& o) { return fmt::format("{}", o.axis); },
          [](const Pad& o) {
            return fmt::format("{} | {} | {}", fmt::join(o.before, " "), fmt::join(o.after, " "), o.value);
          },
          [](const Quantize&) { return std::string(); },
          [](const Dequantize&) { return std::string(); },
          [](const BatchNorm& o) { return fmt::format("{}", o.epsilon); },
          [](const Relu&) { return std::string(); },
          [](const Relu6&) { return std::string(); },
      },
      op);
  return fmt::format("{} {}", name_of(op), fields);
}

std::string text_of(const data::Augmentation& a) {
  return fmt::format("{} {} {} {} {} {} {} {}", a.shift, a.flip, a.cutout, a.mixup, a.jitter, a.scaling,
                     a.rotation, a.time_warp);
}

std::string text_of(const Graph& graph) {
  std::string text =
      fmt::format("graph {} -> {}\n", fmt::join(graph.inputs, " "), fmt::join(graph.outputs, " "));
  if (is_masked(graph)) text += "masked\n";
  for (const Tensor& tensor : graph.tensors) {
    text += fmt::format("tensor {} {}\n", to_string(tensor.shape), tensor.data ? sha256(*tensor.data) : "");
  }
  for (const Node& node : graph.nodes) {
    text += fmt::format("node {} {} -> {}\n", text_of(node.op), fmt::join(node.inputs, " "),
                        fmt::join(node.outputs, " "));
  }
  return text;
}

std::string text_of(const data::Dataset& dataset) {
  return fmt::format(
      "data {} {} {} {} {} {} {}\n", fmt::join(dataset.sample_shape, " "),
      sha256(std::as_bytes(std::span(dataset.samples))), sha256(std::as_bytes(std::span(dataset.values))),
      fmt::join(dataset.normalization.mean, " "), fmt::join(dataset.normalization.standard_deviation, " "),
      sha256(std::as_bytes(std::span(dataset.labels))), sha256(std::as_bytes(std::span(dataset.groups))));
}

std::string text_of(const Distillation& d) {
  if (d.teachers.empty()) return "";
  std::string text = fmt::format("distillation {} {} {}\n", d.temperature, d.weight, d.hint_weight);
  for (const LayerHint& hint : d.hints) text += fmt::format("hint {}={}\n", hint.student, hint.teacher);
  for (const Graph& teacher : d.teachers) text += text_of(teacher);
  return text;
}

std::string text_of(const TrainOptions& o) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} | {} | {} {}", o.epochs, o.batch_size,
                     o.shard_size, static_cast<int>(o.optimizer), o.learning_rate,
                     static_cast<int>(o.schedule), o.warmup, o.momentum, o.weight_decay, o.label_smoothing,
                     o.gradient_clip, o.ema, o.validation, o.patience, static_cast<int>(o.precision), o.seed,
                     text_of(o.augmentation), o.group_lasso, o.norm_slimming);
}

}  // namespace

std::string fingerprint(const FakeQuantizedGraph& network, const data::Dataset& dataset,
                        const TrainOptions& options) {
  std::string text =
      fmt::format("options {}\n", text_of(options)) + text_of(dataset) + text_of(network.graph);
  for (const FakeQuantizer& q : network.quantizers) {
    text += fmt::format("quantizer {} | {} | {} {} {} {}\n", fmt::join(q.tensors, " "),
                        fmt::join(q.scales, " "), q.axis, q.lowest, q.highest, q.is_learned);
  }
  text += text_of(options.distillation);
  return sha256(std::as_bytes(std::span(text)));
}

std::string fingerprint(std::span<const Graph> teachers, const data::Dataset& dataset, Precision precision) {
  std::string text = fmt::format("folded {}\n", static_cast<int>(precision)) + text_of(dataset);
  for (const Graph& teacher : teachers) text += text_of(teacher);
  return sha256(std::as_bytes(std::span(text)));
}

}  // namespace thimble::train
