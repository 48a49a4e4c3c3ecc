#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/onnx/importer.h"

namespace thimble::onnx {
namespace {

constexpr int32_t kUint8Offset = 128;

}  // namespace

/// The scales and zero points of a QuantizeLinear or DequantizeLinear, those of uint8 moved to int8.
/// `is_unsigned` says which the file had; without a zero point it stays as it is. Zero points of int16 give
/// 16 bits.
Quantization Importer::quantization_of(const NodeView& node, bool* is_unsigned) const {
  const Constant& scale = constant(node, 1);
  if (!scale.is_float() || scale.shape.size() > 1) {
    node.fail("has scales that are not a float32 scalar or vector",
              "Quantize for each tensor or each channel");
  }
  Quantization q;
  q.scales.assign(scale.values<float>().begin(), scale.values<float>().end());
  for (const float value : q.scales) {
    if (!(value > 0) || !std::isfinite(value)) node.fail_damaged(fmt::format("has a scale of {}", value));
  }
  q.zero_points.assign(q.scales.size(), 0);
  if (node.has_input(2)) {
    const Constant& zero_point = constant(node, 2);
    if (zero_point.elements() != q.scales.size()) node.fail_damaged("has not one zero point a scale");
    *is_unsigned = zero_point.type == ElementType::kUint8;
    for (size_t i = 0; i < q.scales.size(); ++i) {
      switch (zero_point.type) {
        case ElementType::kInt8:
          q.zero_points[i] = zero_point.values<int8_t>()[i];
          break;
        case ElementType::kUint8:
          q.zero_points[i] = zero_point.values<uint8_t>()[i];
          break;
        case ElementType::kInt16:
          q.zero_points[i] = zero_point.values<int16_t>()[i];
          q.bits = 16;
          break;
        case ElementType::kInt32:
          q.zero_points[i] = zero_point.values<int32_t>()[i];
          break;
        default:
          node.fail_damaged("has zero points that are not integers of 8, 16 or 32 bits");
      }
    }
  }
  if (*is_unsigned) {
    for (int32_t& zero_point : q.zero_points) zero_point -= kUint8Offset;
  }
  if (q.scales.empty()) node.fail_damaged("has no scale");
  q.axis = -1;
  // Activations have one scale, whatever axis is named; of constants, one is of an axis of one index or of
  // all.
  if (scale.shape.size() == 1 && is_constant(node, 0)) {
    const Shape& shape = constant(node, 0).shape;
    const auto rank = static_cast<int64_t>(shape.size());
    const int64_t axis = node.integer("axis", 1);
    if (q.scales.size() > 1 || (node.has("axis") && axis >= -rank && axis < rank))
      q.axis = static_cast<int32_t>(node.axis(axis, shape.size()));
    if (q.scales.size() == 1 && q.axis >= 0 && shape[static_cast<size_t>(q.axis)] != 1) q.axis = -1;
  }
  return q;
}

void Importer::import_quantize(const NodeView& node) {
  constexpr int64_t kUint8 = 2;  // TensorProto.DataType
  constexpr int64_t kInt8 = 3;
  constexpr int64_t kInt16 = 5;
  const int64_t named = node.integer("output_dtype", 0);
  bool is_unsigned = !node.has_input(2) && (named == 0 || named == kUint8);
  Quantization q = quantization_of(node, &is_unsigned);
  if (!node.has_input(2) && named == kInt16) q.bits = 16;
  if (named != 0 && named != (q.bits == 16 ? kInt16 : is_unsigned ? kUint8 : kInt8)) {
    node.fail(fmt::format("gives elements of type {}, beside a zero point of another or none", named),
              "Give int8, uint8 or int16, with a zero point of that type");
  }
  if (is_constant(node, 0)) {
    const Constant source = constant(node, 0);
    if (q.bits == 16) {
      node.fail("quantizes a constant to int16",
                "Store constants as integers (onnxruntime's quantize_static does)");
    }
    if (q.per_channel() &&
        static_cast<size_t>(source.shape[static_cast<size_t>(q.axis)]) != q.scales.size()) {
      node.fail_damaged("has not one scale for each index of its axis");
    }
    size_t inner = 1;
    for (size_t axis = static_cast<size_t>(q.axis) + 1; q.per_channel() && axis < source.shape.size();
         ++axis) {
      inner *= static_cast<size_t>(source.shape[axis]);
    }
    const std::vector<float> values = real_values(source);
    std::vector<int8_t> integers(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t channel = q.per_channel() ? i / inner % q.scales.size() : 0;
      const float scaled =
          std::nearbyint(values[i] / q.scales[channel]) + static_cast<float>(q.zero_points[channel]);
      integers[i] = static_cast<int8_t>(std::isnan(scaled) ? 0.0F : std::clamp(scaled, -128.0F, 127.0F));
    }
    Constant quantized = store_.make<int8_t>(source.name, ElementType::kInt8, source.shape, integers);
    quantized.quantization = q;
    quantized.was_unsigned = is_unsigned;
    return define(node, quantized);
  }
  const Computed& x = computed(node, 0);
  if (q.scales.size() > 1) {
    node.fail("quantizes activations by channel", "Give activations one scale a tensor");
  }
  const auto width = widths_.find(node.output());
  if (width != widths_.end()) q.bits = width->second.second;
  Computed y = x;
  y.id = emit(node, Quantize{}, {x.id});
  if (q.bits == 16) graph_.tensor(y.id).type = DataType::kInt16;
  graph_.tensor(y.id).quantization = q;
  if (is_unsigned) unsigned_.insert(y.id);
  define(node, y);
}

void Importer::import_dequantize(const NodeView& node) {
  if (is_constant(node, 0)) {
    Constant source = constant(node, 0);
    bool is_unsigned = source.type == ElementType::kUint8 || source.was_unsigned;
    Quantization q = quantization_of(node, &is_unsigned);
    if (q.per_channel() &&
        static_cast<size_t>(source.shape[static_cast<size_t>(q.axis)]) != q.scales.size()) {
      node.fail_damaged("has not one scale for each index of its axis");
    }
    if (source.type == ElementType::kUint8) {
      std::vector<std::byte> moved(source.data.begin(), source.data.end());
      for (std::byte& value : moved) value ^= std::byte{0x80};
      source = store_.keep(source.name, ElementType::kInt8, source.shape, std::move(moved));
    } else if (is_unsigned != source.was_unsigned ||
               (source.type != ElementType::kInt8 && source.type != ElementType::kInt16 &&
                source.type != ElementType::kInt32)) {
      node.fail_damaged("has a zero point of another type than its input");
    }
    source.quantization = std::move(q);
    return define(node, source);
  }

  const auto& x = std::get<Computed>(value(node, 0));
  Tensor& tensor = graph_.tensor(x.id);
  if (tensor.type == DataType::kFloat32) node.fail_damaged("reads float32");
  bool is_unsigned = unsigned_.contains(x.id);
  Quantization q = quantization_of(node, &is_unsigned);
  if (!node.has_input(2) && tensor.type == DataType::kInt16) q.bits = 16;
  if (is_unsigned != unsigned_.contains(x.id) || (q.bits == 16) != (tensor.type == DataType::kInt16))
    node.fail_damaged("has a zero point of another type than its input");
  if (q.scales.size() > 1)
    node.fail("dequantizes activations by channel", "Give activations one scale a tensor");
  const auto width = widths_.find(node.input(0));
  if (width != widths_.end()) q.bits = width->second.second;
  if (tensor.quantization &&
      (tensor.quantization->scales != q.scales || tensor.quantization->zero_points != q.zero_points)) {
    node.fail("has another scale than the QuantizeLinear before it",
              "Give both the same scale and zero point");
  }
  if (!tensor.quantization) tensor.quantization = q;
  Computed y = x;
  y.id = emit(node, Dequantize{}, {x.id});
  define(node, y);
}

}  // namespace thimble::onnx
