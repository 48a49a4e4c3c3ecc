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
  const bool is_row = filled.shape.empty() || filled.shape.back() == channels;
  if (filled.elements() != static_cast<size_t>(channels) || !is_row) {
    node.fail(fmt::format("has a bias of {} for {} channels", to_string(constant.shape), channels),
              "Give one number, or one for each channel");
  }
  filled.shape = {channels};
  if (filled.quantization && filled.quantization->per_channel()) {
    filled.quantization->axis = filled.quantization->scales.size() == static_cast<size_t>(channels) ? 0 : -1;
  }
  return place_own(node, filled, {0}, filled.shape);
}

/// x times weights (O, I). Behind the flatten of an image, the weights take the order in which the graph
/// keeps it.
size_t Importer::dense(const NodeView& node, const Computed& given, const Constant& weights,
                       std::optional<TensorId> bias) {
  if (given.layout.shape.empty() || weights.shape.size() != 2 ||
      weights.shape[1] != given.layout.shape.back()) {
    node.fail(fmt::format("multiplies {} with {}", to_string(given.layout.shape), to_string(weights.shape)),
              "Dense layers take (N, I) and weights of I inputs; flatten the input first");
  }
  const Shape shape = given.layout.shape;
  Computed x = given;
  Constant ordered = weights;
  Axes axes = {0, 1};
  if (x.flattened && shape.size() == 2) {
    // (O, C, H, W): the columns' axes are sorted by where the graph holds them.
    const Layout& image = *x.flattened;
    ordered.shape.assign(image.shape.begin(), image.shape.end());
    ordered.shape[0] = weights.shape[0];
    axes = identity(image.shape.size());
    std::sort(axes.begin() + 1, axes.end(), [&](int32_t a, int32_t b) {
      return image.axes[static_cast<size_t>(a)] < image.axes[static_cast<size_t>(b)];
    });
  } else {
    // Every row of the last axis is multiplied.
    const Shape rows = {static_cast<int32_t>(element_count(shape) / static_cast<size_t>(shape.back())),
                        shape.back()};
    x = moved(node, plain(node, x), identity(shape.size()), rows, {});
  }
  std::vector<TensorId> inputs = {x.id, place(node, ordered, axes, weights.shape)};
  if (bias) inputs.push_back(*bias);
  const bool keeps_axes = shape.size() != 2;
  const TensorId product = emit(node, FullyConnected{}, inputs, keeps_axes ? "rows" : "");
  const size_t layer = graph_.nodes.size() - 1;
  if (!keeps_axes) {
    define(node, result(product, identity(2)));
    return layer;
  }
  Shape full = shape;
  full.back() = weights.shape[0];
  define(node, result(emit(node, Reshape{full}, {product}), identity(full.size())));
  return layer;
}

void Importer::import_gemm(const NodeView& node) {
  const Computed x = computed(node, 0);
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
  const Computed x = computed(node, 0);
  const Constant& weights = constant(node, 1);
  if (weights.shape.size() != 2) {
    node.fail(fmt::format("multiplies with {}", to_string(weights.shape)), "Weights must have two axes");
  }
  const size_t layer = dense(node, x, store_.permute(weights, {1, 0}), {});
  matrix_products_.emplace(node.output(), layer);
}

/// MatMul + Add of a constant vector is a dense layer with a bias.
bool Importer::attach_bias(const NodeView& node) {
  for (const size_t product : {size_t{0}, size_t{1}}) {
    const auto* x = std::get_if<Computed>(&value(node, product));
    const auto* addend = std::get_if<Constant>(&value(node, 1 - product));
    const auto layer = matrix_products_.find(node.input(product));
    if (x == nullptr || addend == nullptr || layer == matrix_products_.end() ||
        uses(node.input(product)) != 1)
      continue;
    const int32_t channels = x->layout.shape.back();
    const bool integers = addend->type == ElementType::kInt32 && addend->quantization;
    const bool vector = addend->elements() == static_cast<size_t>(channels) &&
                        (addend->shape.empty() || addend->shape.back() == channels);
    if (!vector || !(addend->is_float() || integers)) continue;
    const TensorId vector_id = bias(node, *addend, channels);
    graph_.nodes[layer->second].inputs.push_back(vector_id);
    graph_.tensor(x->id).name = node.output();
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
    Computed x = computed(node, input);
    if ((x.id == lead.id || lead.flattened) && x.flattened == lead.flattened && x.layout == lead.layout)
      return x.id;
    if (x.flattened) x = plain(node, x);
    if (x.layout.axes == identity(x.layout.shape.size()) && lead.layout.axes == identity(rank)) return x.id;
    Layout wanted{x.layout.shape, lead.layout.axes};
    if (wanted.shape.size() > rank) unfit();
    const size_t missing = rank - x.layout.shape.size();
    wanted.shape.insert(wanted.shape.begin(), missing, 1);
    if (const auto relayout = relaid(node, x, wanted, rank_of(lead.id))) return relayout->id;
    Axes order;
    Shape shape(rank_of(lead.id), 1);
    for (size_t place = 0; place < shape.size(); ++place) {
      for (size_t i = missing; i < rank; ++i) {
        if (lead.layout.axes[i] != static_cast<int32_t>(place)) continue;
        order.push_back(static_cast<int32_t>(i - missing));
        shape[place] = wanted.shape[i];
      }
    }
    return moved(node, x, order, shape, {}).id;
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
  if (fold(node)) return;
  const auto weight = [&](size_t input) -> std::pair<size_t, size_t> {
    if (is_constant(node, input)) return {0, 0};
    const Shape& shape = computed(node, input).layout.shape;
    return {shape.size(), element_count(shape)};
  };
  const size_t leading = weight(0) >= weight(1) ? 0 : 1;
  Computed lead = computed(node, leading);
  if (lead.flattened) {
    const auto* other = std::get_if<Computed>(&value(node, 1 - leading));
    const bool alike = other != nullptr ? other->flattened == lead.flattened && other->layout == lead.layout
                                        : constant(node, 1 - leading).elements() == 1;
    if (!alike) lead = plain(node, lead);
  }
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
  // x * HardSigmoid(x) is HardSwish, which older operator sets do not have.
  for (const size_t gate : {size_t{0}, size_t{1}}) {
    if (is_constant(node, 0) || is_constant(node, 1)) break;
    const Computed& y = computed(node, gate);
    const Computed& x = computed(node, 1 - gate);
    const auto found = hard_sigmoids_.find(y.id);
    if (found == hard_sigmoids_.end() || found->second != x.id || x.layout != y.layout ||
        x.flattened != y.flattened)
      continue;
    Computed swish = x;
    swish.id = emit(node, HardSwish{}, {x.id});
    return define(node, swish);
  }
  broadcast(node, Mul{});
}

void Importer::import_sub(const NodeView& node) { broadcast(node, Sub{}); }

/// Division by a constant, which is a multiplication.
void Importer::import_div(const NodeView& node) {
  if (fold(node)) return;
  if (!is_constant(node, 1)) {
    node.fail("divides by a computed tensor", "Divide by constants, or multiply");
  }
  const Constant& divisor = constant(node, 1);
  std::vector<float> values = real_values(divisor);
  for (float& value : values) value = 1.0F / value;
  std::string& name = reciprocals_[key_of(divisor)];
  if (name.empty()) {
    name = node.output() + "/reciprocal";
    define(name, store_.make<float>(name, ElementType::kFloat32, divisor.shape, values));
  }
  ::onnx::NodeProto proto;
  proto.set_op_type("Mul");
  proto.set_name(node.name());
  proto.add_input(node.input(0));
  proto.add_input(name);
  proto.add_output(node.output());
  broadcast(NodeView(proto, 0), Mul{});
}

/// Max and Min of two; of one they are nothing.
void Importer::select(const NodeView& node, const Operator& op) {
  if (node.inputs() == 1) return define(node, value(node, 0));
  if (node.inputs() != 2) {
    node.fail(fmt::format("has {} inputs", node.inputs()), "Take it of two at a time");
  }
  broadcast(node, op);
}
void Importer::import_max(const NodeView& node) { select(node, Maximum{}); }
void Importer::import_min(const NodeView& node) { select(node, Minimum{}); }

/// Whether both operands are constants; their sum, difference, product or quotient is then one, too.
bool Importer::fold(const NodeView& node) {
  if (!is_constant(node, 0) || !is_constant(node, 1)) return false;
  const Constant& a = constant(node, 0);
  const Constant& b = constant(node, 1);
  if (a.is_float() != b.is_float() || a.quantization || b.quantization) {
    node.fail("computes on constants of different types", "Fold constants before import (onnxsim)");
  }
  const size_t rank = std::max(a.shape.size(), b.shape.size());
  Shape shape(rank, 1);
  const auto extent_of = [&](const Constant& c, size_t axis) {
    const size_t lead = rank - c.shape.size();
    return axis < lead ? 1 : c.shape[axis - lead];
  };
  int64_t elements = 1;
  for (size_t axis = 0; axis < rank; ++axis) {
    const int32_t x = extent_of(a, axis);
    const int32_t y = extent_of(b, axis);
    if (x != y && x != 1 && y != 1) node.fail_damaged("computes on constants that do not broadcast");
    shape[axis] = x == 1 ? y : x;
    elements *= shape[axis];
    if (elements > (1 << 24)) node.fail_damaged("computes a constant of very many elements");
  }
  const auto count = static_cast<size_t>(elements);
  store_.reserve(count * sizeof(int64_t));
  const auto index = [&](const Constant& c, size_t i) {
    size_t result = 0;
    size_t step = 1;
    for (size_t axis = rank; axis-- > 0;) {
      const auto whole = static_cast<size_t>(shape[axis]);
      const auto own = static_cast<size_t>(extent_of(c, axis));
      if (own != 1) result += step * (i % whole);
      step *= own;
      i /= whole;
    }
    return result;
  };
  const std::string& type = node.type();
  if (a.is_float()) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) {
      const float x = a.values<float>()[index(a, i)];
      const float y = b.values<float>()[index(b, i)];
      values[i] = type == "Add"   ? x + y
                  : type == "Sub" ? x - y
                  : type == "Mul" ? x * y
                  : type == "Div" ? x / y
                  : type == "Max" ? std::max(x, y)
                                  : std::min(x, y);
    }
    define(node, store_.make<float>(node.output(), ElementType::kFloat32, shape, values));
    return true;
  }
  const std::vector<int64_t> left = integer_values(a);
  const std::vector<int64_t> right = integer_values(b);
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    const int64_t x = left[index(a, i)];
    const int64_t y = right[index(b, i)];
    constexpr int64_t kLimit = int64_t{1} << 31;
    if (x < -kLimit || x > kLimit || y < -kLimit || y > kLimit || (type == "Div" && y == 0)) {
      node.fail_damaged("computes a shape of absurd numbers");
    }
    values[i] = type == "Add"   ? x + y
                : type == "Sub" ? x - y
                : type == "Mul" ? x * y
                : type == "Div" ? x / y
                : type == "Max" ? std::max(x, y)
                                : std::min(x, y);
  }
  define(node, store_.make<int64_t>(node.output(), ElementType::kInt64, shape, values));
  return true;
}

/// An operator on one activation that leaves its axes as they are.
void Importer::unary(const NodeView& node, const Operator& op) {
  Computed y = computed(node, 0);
  y.id = emit(node, op, {y.id});
  define(node, y);
}

void Importer::import_sigmoid(const NodeView& node) { unary(node, Sigmoid{}); }
void Importer::import_tanh(const NodeView& node) { unary(node, Tanh{}); }
void Importer::import_hard_swish(const NodeView& node) { unary(node, HardSwish{}); }
void Importer::import_leaky_relu(const NodeView& node) {
  const float alpha = node.real("alpha", 0.01F);
  if (!std::isfinite(alpha)) node.fail_damaged(fmt::format("has a slope of {}", alpha));
  unary(node, LeakyRelu{.alpha = alpha});
}

/// One slope for all channels is a LeakyRelu's.
void Importer::import_prelu(const NodeView& node) {
  const Constant& slope = constant(node, 1);
  if (slope.elements() != 1) {
    node.fail("has a slope for each channel", "Train with one slope (num_parameters=1), or with LeakyRelu");
  }
  unary(node, LeakyRelu{.alpha = real_values(slope)[0]});
}

/// One number as a constant of the graph.
TensorId Importer::number(const NodeView& node, float value, std::string_view what) {
  const Constant constant = store_.make<float>(fmt::format("{}/{}", node.output(), what),
                                               ElementType::kFloat32, {}, std::vector{value});
  return place(node, constant, {}, {1});
}

/// min(max(alpha * x + beta, 0), 1), which is Relu6 of six times as much, and a sixth of that.
void Importer::import_hard_sigmoid(const NodeView& node) {
  const Computed x = computed(node, 0);
  const float alpha = node.real("alpha", 0.2F);
  const float beta = node.real("beta", 0.5F);
  Computed y = x;
  if (std::abs(6 * alpha - 1) > 1e-6F) {
    y.id = emit(node, Mul{}, {y.id, number(node, 6 * alpha, "slope")}, "scale");
  }
  y.id = emit(node, Add{}, {y.id, number(node, 6 * beta, "offset")}, "shift");
  y.id = emit(node, Relu6{}, {y.id}, "relu6");
  y.id = emit(node, Mul{}, {y.id, number(node, 1.0F / 6, "sixth")});
  if (std::abs(6 * alpha - 1) <= 1e-6F && std::abs(beta - 0.5F) <= 1e-6F) hard_sigmoids_[y.id] = x.id;
  define(node, y);
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
  if (std::isnan(low) || std::isnan(high)) node.fail_damaged("clips to no number");
  Computed y = computed(node, 0);
  const bool bounded = high < std::numeric_limits<float>::max();
  if (low > std::numeric_limits<float>::lowest()) {
    y.id = emit(node, Maximum{}, {y.id, number(node, low, "low")}, bounded ? "low" : "");
  }
  if (bounded) y.id = emit(node, Minimum{}, {y.id, number(node, high, "high")});
  define(node, y);
}

void Importer::import_softmax(const NodeView& node) {
  Computed x = computed(node, 0);
  const size_t rank = x.layout.shape.size();
  const size_t axis = node.axis(node.integer("axis", opset_ < 13 ? 1 : -1), rank);
  // Before operator set 13, everything from the axis on counts as one.
  const bool whole =
      opset_ >= 13 || std::all_of(x.layout.shape.begin() + static_cast<int64_t>(axis) + 1,
                                  x.layout.shape.end(), [](int32_t extent) { return extent == 1; });
  if (!whole) {
    node.fail(fmt::format("is over axis {} of {} and all behind it", axis, to_string(x.layout.shape)),
              "Flatten the input before it, or export with operator set 13");
  }
  if (x.flattened) x = plain(node, x);
  if (x.layout.axes[axis] != static_cast<int32_t>(rank_of(x.id)) - 1) {
    // The kernel works along the last axis of the device.
    Axes order = identity(rank);
    order.erase(order.begin() + static_cast<int64_t>(axis));
    order.push_back(static_cast<int32_t>(axis));
    x = moved(node, x, order, permuted(x.layout.shape, order), inverse(order));
  }
  Softmax op;
  const auto beta = betas_.find(node.input(0));
  if (beta != betas_.end()) op.beta = beta->second;
  Computed y = x;
  y.id = emit(node, op, {x.id});
  define(node, y);
}

}  // namespace thimble::onnx
