#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/onnx/importer.h"
#include "formats/onnx/marks.h"

namespace thimble::onnx {

float Importer::scalar(const NodeView& node, size_t input) const {
  const Constant& found = constant(node, input);
  if (found.elements() != 1)
    node.fail_damaged(fmt::format("takes '{}', which must be one number", found.name));
  return real_values(found)[0];
}

/// The bias of `channels` numbers; one number stands for all.
TensorId Importer::bias(const NodeView& node, const Constant& constant, int32_t channels) {
  Constant filled = constant;
  if (constant.is_float() && constant.elements() == 1 && channels > 1) {
    store_.reserve(static_cast<size_t>(channels) * sizeof(float));
    filled =
        store_.make<float>(constant.name, ElementType::kFloat32, {channels},
                           std::vector<float>(static_cast<size_t>(channels), constant.values<float>()[0]));
  }
  if (filled.elements() != static_cast<size_t>(channels)) {
    node.fail_damaged(fmt::format("has a bias of {} for {} channels", to_string(constant.shape), channels));
  }
  filled.shape = {channels};
  if (filled.quantization && filled.quantization->per_channel()) filled.quantization->axis = 0;
  return place(node, filled, {0}, filled.shape);
}

/// x times weights (O, I). Behind the flatten of an image, the weights take the order in which the graph
/// keeps it.
void Importer::dense(const NodeView& node, const Computed& x, const Constant& weights,
                     std::optional<TensorId> bias) {
  if (x.layout.shape.size() != 2 || weights.shape.size() != 2 || weights.shape[1] != x.layout.shape[1]) {
    node.fail(fmt::format("multiplies {} with {}", to_string(x.layout.shape), to_string(weights.shape)),
              "Dense layers take (N, I) and weights of I inputs; flatten the input first");
  }
  Constant ordered = weights;
  Axes axes = {0, 1};
  if (x.flattened) {
    // (O, C, H, W): the columns' axes are sorted by where the graph holds them.
    const Layout& image = *x.flattened;
    ordered.shape.assign(image.shape.begin(), image.shape.end());
    ordered.shape[0] = weights.shape[0];
    axes = identity(image.shape.size());
    std::sort(axes.begin() + 1, axes.end(), [&](int32_t a, int32_t b) {
      return image.axes[static_cast<size_t>(a)] < image.axes[static_cast<size_t>(b)];
    });
  } else if (x.layout.axes != identity(2) || rank_of(x.id) != 2) {
    node.fail("reads a transposed matrix", "Multiply without transposing the input");
  }
  std::vector<TensorId> inputs = {x.id, place(node, ordered, axes, weights.shape)};
  if (bias) inputs.push_back(*bias);
  define(node, result(emit(node, FullyConnected{}, inputs), identity(2)));
}

void Importer::import_gemm(const NodeView& node) {
  const Computed& x = computed(node, 0);
  if (node.integer("transA", 0) != 0) node.fail("transposes its input", "Multiply without transA");
  const Constant& given = constant(node, 1);
  if (given.shape.size() != 2) node.fail_damaged(fmt::format("has weights {}", to_string(given.shape)));
  Constant weights = node.integer("transB", 0) != 0 ? given : store_.permute(given, {1, 0});

  const auto scaled = [&](const Constant& source, float factor) {
    if (factor == 1.0F) return source;
    std::vector<float> values = real_values(source);
    for (float& value : values) value *= factor;
    return store_.make<float>(source.name, ElementType::kFloat32, source.shape, values);
  };
  weights = scaled(weights, node.real("alpha", 1));
  std::optional<TensorId> addend;
  if (node.has_input(2))
    addend = bias(node, scaled(constant(node, 2), node.real("beta", 1)), weights.shape[0]);
  dense(node, x, weights, addend);
}

void Importer::import_matmul(const NodeView& node) {
  const Computed& x = computed(node, 0);
  const Constant& weights = constant(node, 1);
  if (weights.shape.size() != 2) {
    node.fail(fmt::format("multiplies with {}", to_string(weights.shape)), "Weights must have two axes");
  }
  dense(node, x, store_.permute(weights, {1, 0}), {});
  matrix_products_.insert(graph_.nodes.back().outputs[0]);
}

/// MatMul + Add of a constant vector is a dense layer with a bias.
bool Importer::attach_bias(const NodeView& node) {
  for (const size_t product : {size_t{0}, size_t{1}}) {
    const auto* x = std::get_if<Computed>(&value(node, product));
    const auto* addend = std::get_if<Constant>(&value(node, 1 - product));
    if (x == nullptr || addend == nullptr || !matrix_products_.contains(x->id) ||
        uses(node.input(product)) != 1)
      continue;
    const int32_t channels = graph_.tensor(x->id).shape[1];
    const bool integers = addend->type == ElementType::kInt32 && addend->quantization;
    const bool vector = addend->elements() == static_cast<size_t>(channels) && addend->shape.size() <= 2;
    if (!vector || !(addend->is_float() || integers)) continue;
    Node& layer = graph_.nodes[producer_of_.at(x->id)];
    layer.inputs.push_back(bias(node, *addend, channels));
    graph_.tensor(x->id).name = node.output();
    matrix_products_.erase(x->id);
    define(node, *x);
    return true;
  }
  return false;
}

/// An operand of a broadcast in the axes of `lead`, the operand that has the result's shape.
TensorId Importer::operand(const NodeView& node, size_t input, const Computed& lead) {
  const auto unfit = [&]() {
    node.fail(fmt::format("combines '{}' with an operand in another order of axes", node.input(input)),
              "Give both operands the same layout; no transposition is done on the device");
  };
  const size_t rank = lead.layout.shape.size();
  if (!is_constant(node, input)) {
    const Computed& x = computed(node, input);
    if (x.id == lead.id) return x.id;
    if (x.flattened || lead.flattened) {
      if (x.flattened != lead.flattened || x.layout != lead.layout) unfit();
      return x.id;
    }
    if (x.layout.axes == identity(x.layout.shape.size()) && lead.layout.axes == identity(rank)) return x.id;
    Layout wanted{x.layout.shape, lead.layout.axes};
    if (wanted.shape.size() > rank) unfit();
    wanted.shape.insert(wanted.shape.begin(), rank - wanted.shape.size(), 1);
    const auto relayout = relaid(node, x, wanted, rank_of(lead.id));
    if (!relayout) unfit();
    return relayout->id;
  }

  Constant c = constant(node, input);
  const size_t given_rank = c.shape.size();
  while (c.shape.size() > rank && c.shape[0] == 1) {
    c.shape.erase(c.shape.begin());
    if (c.quantization && c.quantization->per_channel()) --c.quantization->axis;
  }
  if (c.shape.size() > rank || (lead.flattened && c.elements() != 1)) unfit();
  if (c.elements() == 1 && given_rank < 2) return place(node, c, identity(given_rank), {1});
  const auto filled = static_cast<int32_t>(rank - c.shape.size());
  c.shape.insert(c.shape.begin(), static_cast<size_t>(filled), 1);
  if (c.quantization && c.quantization->per_channel()) c.quantization->axis += filled;
  // Axes of the graph that the file does not have (a 1-D signal's H) become ones behind the last.
  const size_t graph_rank = rank_of(lead.id);
  Axes axes(graph_rank, -1);
  for (size_t i = 0; i < rank; ++i) axes[static_cast<size_t>(lead.layout.axes[i])] = static_cast<int32_t>(i);
  for (int32_t& axis : axes) {
    if (axis >= 0) continue;
    axis = static_cast<int32_t>(c.shape.size());
    c.shape.push_back(1);
  }
  Shape shape = permuted(c.shape, axes);
  if (given_rank < rank) {
    while (shape.size() > 1 && shape[0] == 1) shape.erase(shape.begin());
  }
  return place(node, c, axes, shape);
}

void Importer::broadcast(const NodeView& node, const Operator& op) {
  if (is_constant(node, 0) && is_constant(node, 1)) computed(node, 0);  // says that constants must be folded
  const auto weight = [&](size_t input) -> std::pair<size_t, size_t> {
    if (is_constant(node, input)) return {0, 0};
    const Shape& shape = computed(node, input).layout.shape;
    return {shape.size(), element_count(shape)};
  };
  const size_t leading = weight(0) >= weight(1) ? 0 : 1;
  const Computed lead = computed(node, leading);
  std::vector<TensorId> inputs(2);
  for (const size_t input : {size_t{0}, size_t{1}})
    inputs[input] = input == leading ? lead.id : operand(node, input, lead);
  Computed sum = lead;
  sum.id = emit(node, op, inputs);
  const Shape& shape = graph_.tensor(sum.id).shape;
  if (!lead.flattened) {
    if (shape.size() != rank_of(lead.id)) node.fail_damaged("broadcasts to more axes than its operands have");
    sum.layout.shape = permuted(shape, lead.layout.axes);
  }
  define(node, sum);
}

void Importer::import_add(const NodeView& node) {
  if (!attach_bias(node)) broadcast(node, Add{});
}

void Importer::import_mul(const NodeView& node) {
  if (node.doc() == kFusedMark && is_constant(node, 1) && !is_constant(node, 0)) {
    const Computed& x = computed(node, 0);
    betas_[node.output()] = scalar(node, 1);
    define(node, x);
    return;
  }
  broadcast(node, Mul{});
}

/// A Relu or Relu6: a node of its own, or fused where the writer noted that it was.
void Importer::activate(const NodeView& node, Activation function) {
  const Computed& x = computed(node, 0);
  const auto producer = producer_of_.find(x.id);
  if (node.doc() == kFusedMark && producer != producer_of_.end() && uses(node.input(0)) == 1) {
    Operator& op = graph_.nodes[producer->second].op;
    if (fused_activation(op) == Activation::kNone && set_fused_activation(op, function)) {
      graph_.tensor(x.id).name = node.output();
      define(node, x);
      return;
    }
  }
  Computed y = x;
  y.id = function == Activation::kRelu ? emit(node, Relu{}, {x.id}) : emit(node, Relu6{}, {x.id});
  define(node, y);
}

void Importer::import_relu(const NodeView& node) { activate(node, Activation::kRelu); }

void Importer::import_clip(const NodeView& node) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float low = node.has_input(1) ? scalar(node, 1) : node.real("min", -infinity);
  const float high = node.has_input(2) ? scalar(node, 2) : node.real("max", infinity);
  if (low == 0 && high == 6) return activate(node, Activation::kRelu6);
  if (low == 0 && high >= std::numeric_limits<float>::max()) return activate(node, Activation::kRelu);
  node.fail(fmt::format("clips to [{}, {}]", low, high),
            "Clip(0, 6) and Clip(0, inf) are supported: use Relu6 or Relu");
}

void Importer::import_softmax(const NodeView& node) {
  const Computed& x = computed(node, 0);
  const size_t rank = x.layout.shape.size();
  const size_t axis = node.axis(node.integer("axis", opset_ < 13 ? 1 : -1), rank);
  // Before operator set 13, everything from the axis on counts as one.
  const bool whole =
      opset_ >= 13 || std::all_of(x.layout.shape.begin() + static_cast<int64_t>(axis) + 1,
                                  x.layout.shape.end(), [](int32_t extent) { return extent == 1; });
  const bool last = x.layout.axes[axis] == static_cast<int32_t>(rank_of(x.id)) - 1;
  if (!whole || !last) {
    node.fail(fmt::format("is over axis {} of {}", axis, to_string(x.layout.shape)),
              "Only the channels' axis is supported: axis 1 of NCHW, the last axis otherwise");
  }
  Softmax op;
  const auto beta = betas_.find(node.input(0));
  if (beta != betas_.end()) op.beta = beta->second;
  Computed y = x;
  y.id = emit(node, op, {x.id});
  define(node, y);
}

}  // namespace thimble::onnx
