#include "formats/onnx/constants.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"

namespace thimble::onnx {
namespace {

constexpr int kMostAxes = 8;

[[noreturn]] void fail(std::string_view name, std::string_view reason, std::string_view remedy) {
  throw Error(fmt::format("Constant '{}'", name), reason, remedy);
}

Shape checked_shape(const ::onnx::TensorProto& tensor, std::string_view name) {
  if (tensor.dims_size() > kMostAxes)
    fail(name, fmt::format("has {} axes", tensor.dims_size()), "At most 8 are read");
  Shape shape;
  int64_t elements = 1;
  for (const int64_t extent : tensor.dims()) {
    if (extent < 0 || extent > std::numeric_limits<int32_t>::max()) {
      fail(name, fmt::format("has an extent of {}", extent), "The file is damaged; export the model again");
    }
    elements *= extent;
    if (elements > std::numeric_limits<int32_t>::max()) {
      fail(name, "has more than 2^31 elements",
           "The file is damaged, or the model is far too large for a device");
    }
    shape.push_back(static_cast<int32_t>(extent));
  }
  return shape;
}

ElementType checked_type(const ::onnx::TensorProto& tensor, std::string_view name) {
  switch (tensor.data_type()) {
    case ::onnx::TensorProto::FLOAT:
    case ::onnx::TensorProto::DOUBLE:
      return ElementType::kFloat32;
    case ::onnx::TensorProto::INT8:
      return ElementType::kInt8;
    case ::onnx::TensorProto::UINT8:
    case ::onnx::TensorProto::BOOL:
      return ElementType::kUint8;
    case ::onnx::TensorProto::INT16:
      return ElementType::kInt16;
    case ::onnx::TensorProto::INT32:
      return ElementType::kInt32;
    case ::onnx::TensorProto::INT64:
      return ElementType::kInt64;
    default:
      break;
  }
  fail(name, fmt::format("has ONNX element type {}", tensor.data_type()),
       "float32, int8, uint8, int16, int32 and int64 are read; export the model in one of them");
}

/// The values of a typed field (float_data, int32_data, ...) as T, one after another.
template <typename T, typename Field>
std::vector<std::byte> narrowed(const Field& field) {
  std::vector<std::byte> bytes(sizeof(T) * static_cast<size_t>(field.size()));
  for (int i = 0; i < field.size(); ++i) {
    const auto value = static_cast<T>(field.Get(i));
    std::memcpy(bytes.data() + sizeof(T) * static_cast<size_t>(i), &value, sizeof(T));
  }
  return bytes;
}

std::vector<std::byte> typed_data(const ::onnx::TensorProto& tensor, ElementType type) {
  const bool doubles = tensor.data_type() == ::onnx::TensorProto::DOUBLE;
  switch (type) {
    case ElementType::kFloat32:
      return doubles ? narrowed<float>(tensor.double_data()) : narrowed<float>(tensor.float_data());
    case ElementType::kInt8:
      return narrowed<int8_t>(tensor.int32_data());
    case ElementType::kUint8:
      return narrowed<uint8_t>(tensor.int32_data());
    case ElementType::kInt16:
      return narrowed<int16_t>(tensor.int32_data());
    case ElementType::kInt32:
      return narrowed<int32_t>(tensor.int32_data());
    case ElementType::kInt64:
      return narrowed<int64_t>(tensor.int64_data());
  }
  return {};
}

std::vector<std::byte> floats_of_doubles(std::string_view raw) {
  std::vector<std::byte> bytes(raw.size() / 2);
  for (size_t i = 0; i < raw.size() / sizeof(double); ++i) {
    double value = 0;
    std::memcpy(&value, raw.data() + i * sizeof(double), sizeof(double));
    const auto narrow = static_cast<float>(value);
    std::memcpy(bytes.data() + i * sizeof(float), &narrow, sizeof(float));
  }
  return bytes;
}

}  // namespace

size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kInt8:
    case ElementType::kUint8:
      return 1;
    case ElementType::kInt16:
      return 2;
    case ElementType::kInt64:
      return 8;
  }
  return 0;
}

void ConstantStore::reserve(size_t bytes) {
  if (bytes > budget_) {
    throw Error("Constants", "together need far more memory than the file has bytes",
                "The file is damaged or made to exhaust memory");
  }
  budget_ -= bytes;
}

Constant ConstantStore::read(const ::onnx::TensorProto& tensor, std::string_view name) {
  if (tensor.data_location() == ::onnx::TensorProto::EXTERNAL || tensor.external_data_size() > 0) {
    fail(name, "keeps its data in another file",
         "Save the model as one file (onnx.save_model with save_as_external_data=False)");
  }
  const ElementType type = checked_type(tensor, name);
  Shape shape = checked_shape(tensor, name);
  const size_t bytes = element_count(shape) * element_bytes(type);
  const size_t file_bytes = tensor.data_type() == ::onnx::TensorProto::DOUBLE ? 2 * bytes : bytes;
  const std::string& raw = tensor.raw_data();
  if (!raw.empty() && raw.size() != file_bytes) {
    fail(name, fmt::format("holds {} bytes, its shape needs {}", raw.size(), file_bytes),
         "The file is damaged; export the model again");
  }
  if (!raw.empty()) {
    if (file_bytes != bytes) return keep(std::string(name), type, std::move(shape), floats_of_doubles(raw));
    const auto view = std::as_bytes(std::span(raw));
    return keep(std::string(name), type, std::move(shape), {view.begin(), view.end()});
  }
  std::vector<std::byte> data = typed_data(tensor, type);
  if (data.size() != bytes) {
    fail(name, fmt::format("holds {} bytes, its shape needs {}", data.size(), bytes),
         "The file is damaged; export the model again");
  }
  return keep(std::string(name), type, std::move(shape), std::move(data));
}

Constant ConstantStore::keep(std::string name, ElementType type, Shape shape, std::vector<std::byte> data) {
  reserve(data.size());
  data_.push_back(std::move(data));
  return {std::move(name), type, std::move(shape), data_.back(), {}};
}

Constant ConstantStore::permute(const Constant& constant, const Axes& axes) {
  Constant result = keep(constant.name, constant.type, permuted(constant.shape, axes),
                         permuted(constant.data, element_bytes(constant.type), constant.shape, axes));
  result.quantization = constant.quantization;
  result.was_unsigned = constant.was_unsigned;
  if (result.quantization && result.quantization->per_channel()) {
    result.quantization->axis = position_of(axes, result.quantization->axis);
  }
  return result;
}

ConstantKey key_of(const Constant& constant) {
  const Quantization q = constant.quantization.value_or(Quantization{});
  return {constant.data.data(), constant.shape, q.scales, q.zero_points, q.axis};
}

std::vector<float> real_values(const Constant& constant) {
  std::vector<float> result(constant.elements());
  if (constant.is_float()) {
    const auto values = constant.values<float>();
    result.assign(values.begin(), values.end());
    return result;
  }
  if (!constant.quantization) {
    fail(constant.name, "holds integers where real numbers are needed", "Put a DequantizeLinear behind it");
  }
  const Quantization& q = *constant.quantization;
  size_t inner = 1;
  for (size_t axis = static_cast<size_t>(q.axis) + 1; q.per_channel() && axis < constant.shape.size();
       ++axis) {
    inner *= static_cast<size_t>(constant.shape[axis]);
  }
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t channel = q.per_channel() ? i / inner % q.scales.size() : 0;
    const int64_t integer = constant.type == ElementType::kInt32   ? constant.values<int32_t>()[i]
                            : constant.type == ElementType::kInt16 ? constant.values<int16_t>()[i]
                                                                   : int64_t{constant.values<int8_t>()[i]};
    result[i] = static_cast<float>(static_cast<double>(q.scales[channel]) *
                                   static_cast<double>(integer - q.zero_points[channel]));
  }
  return result;
}

std::vector<int64_t> integer_values(const Constant& constant) {
  if (constant.type == ElementType::kInt64) {
    const auto values = constant.values<int64_t>();
    return {values.begin(), values.end()};
  }
  if (constant.type == ElementType::kInt32) {
    const auto values = constant.values<int32_t>();
    return {values.begin(), values.end()};
  }
  fail(constant.name, "is not of integers", "The file is damaged or breaks the ONNX specification");
}

}  // namespace thimble::onnx
