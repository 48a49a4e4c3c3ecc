#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "formats/onnx/layout.h"
#include "graph/graph.h"

namespace thimble::onnx {

/// The types of constants that a network of the Graph needs, int64 for shapes and axes among them.
enum class ElementType : uint8_t { kFloat32, kInt8, kUint8, kInt16, kInt32, kInt64 };

/// Bytes of one element.
size_t element_bytes(ElementType type);

/// A constant of a file. With `quantization` it stands for real numbers (it came through DequantizeLinear)
/// while its data are still the integers.
struct Constant {
  std::string name;
  ElementType type = ElementType::kFloat32;
  Shape shape;  ///< empty: a scalar
  std::span<const std::byte> data;
  std::optional<Quantization> quantization;
  bool was_unsigned = false;  ///< int8 that QuantizeLinear gave as uint8, moved by 128

  size_t elements() const { return element_count(shape); }
  template <typename T>
  std::span<const T> values() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
  bool is_float() const { return type == ElementType::kFloat32; }
};

/// What tells constants apart: names are not unique, and one's integers may stand for several real numbers.
using ConstantKey =
    std::tuple<const std::byte*, Shape, std::vector<float>, std::vector<int32_t>, int32_t /* axis */>;
ConstantKey key_of(const Constant& constant);

/// Owns the data of constants, and bounds it: a small file cannot make the reader hold much.
class ConstantStore {
 public:
  /// `file_bytes`: the size of the file that the constants come from.
  explicit ConstantStore(size_t file_bytes) : budget_(16 * file_bytes + (size_t{1} << 20)) {}

  /// Counts bytes that are about to be allocated. Throws Error when there are more than the file can ask for.
  void reserve(size_t bytes);

  /// Reads a tensor of the file after checking that its data is there. Throws Error naming it.
  Constant read(const ::onnx::TensorProto& tensor, std::string_view name);

  template <typename T>
  Constant make(std::string name, ElementType type, Shape shape, std::span<const T> values) {
    return keep(std::move(name), type, std::move(shape), Tensor::to_bytes(values));
  }
  Constant keep(std::string name, ElementType type, Shape shape, std::vector<std::byte> data);

  /// `constant` with its axes in another order, its quantization's axis moved along.
  Constant permute(const Constant& constant, const Axes& axes);

 private:
  size_t budget_;
  std::deque<std::vector<std::byte>> data_;
};

/// The float32 values of a float constant, or of a dequantized one.
std::vector<float> real_values(const Constant& constant);

/// The values of an int64 or int32 constant (a shape, axes, pads). Throws Error naming it for other types.
std::vector<int64_t> integer_values(const Constant& constant);

}  // namespace thimble::onnx
