#include "formats/tflite/tensor_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace thimble::tflite {
namespace {

constexpr size_t kMaximumRank = 8;
constexpr int32_t kMaximumExtent = int32_t{1} << 30;

/// Two's complement nibbles, two to a byte, low nibble first.
int32_t nibble(std::span<const std::byte> packed, size_t element) {
  const auto byte = static_cast<uint8_t>(packed[element / 2]);
  const int32_t bits = element % 2 == 0 ? byte & 0x0F : byte >> 4;
  return bits >= 8 ? bits - 16 : bits;
}

/// IEEE 754 binary16.
float from_half(uint16_t bits) {
  const int32_t exponent = bits >> 10 & 0x1F;
  const int32_t fraction = bits & 0x3FF;
  float value = 0;
  if (exponent == 0x1F) {
    value = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

template <typename T>
std::vector<int64_t> widened(std::span<const uint8_t> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return {values.begin(), values.end()};
}

}  // namespace

std::string printable(const flatbuffers::String* name) {
  std::string result = name == nullptr ? "" : name->str();
  for (char& c : result) {
    if (c < 0x20 || c > 0x7E) c = '_';
  }
  return result;
}

TensorReader::TensorReader(const schema::Model& model, const schema::SubGraph& subgraph, FileInHand& file,
                           Graph& graph)
    : model_(model), subgraph_(subgraph), file_(file), graph_(graph) {
  const size_t count = subgraph.tensors() == nullptr ? 0 : subgraph.tensors()->size();
  ids_.assign(count, kNoTensor);
  dequantized_ids_.assign(count, kNoTensor);
  computed_.assign(count, false);
}

const schema::Tensor& TensorReader::at(int32_t index) const {
  if (index < 0 || static_cast<size_t>(index) >= ids_.size()) {
    file_.malformed(fmt::format("it refers to tensor {} of {}", index, ids_.size()));
  }
  return *subgraph_.tensors()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

std::string TensorReader::name(int32_t index) const {
  const schema::Tensor& tensor = at(index);
  file_.charge(tensor.name() == nullptr ? 0 : tensor.name()->size());
  return printable(tensor.name());
}

Shape TensorReader::shape(int32_t index) const {
  const schema::Tensor& tensor = at(index);
  if (tensor.shape() == nullptr || tensor.shape()->size() == 0) return {1};
  if (tensor.shape()->size() > kMaximumRank) {
    throw Unsupported{fmt::format("tensor '{}' has {} axes", name(index), tensor.shape()->size()),
                      fmt::format("use tensors of at most {} axes", kMaximumRank)};
  }
  Shape result(tensor.shape()->begin(), tensor.shape()->end());
  int64_t elements = 1;
  for (const int32_t extent : result) {
    if (extent < 1 || extent > kMaximumExtent || (elements *= extent) > std::numeric_limits<int32_t>::max()) {
      file_.malformed(fmt::format("tensor {} has shape {}", index, to_string(result)));
    }
  }
  return result;
}

DataType TensorReader::type(int32_t index) const {
  switch (at(index).type()) {
    case schema::TensorType::FLOAT32:
      return DataType::kFloat32;
    case schema::TensorType::INT32:
      return DataType::kInt32;
    case schema::TensorType::INT64:
      if (is_constant(index)) return DataType::kInt64;
      break;
    case schema::TensorType::INT16:
      return DataType::kInt16;
    case schema::TensorType::INT8:
      return DataType::kInt8;
    case schema::TensorType::INT4:
      return DataType::kInt4;
    case schema::TensorType::UINT8:
      return DataType::kUint8;
    default:
      break;
  }
  const char* type_name = schema::EnumNameTensorType(at(index).type());
  throw Unsupported{fmt::format("tensor '{}' has type {}", name(index),
                                *type_name != '\0' ? type_name : std::to_string(int(at(index).type()))),
                    "convert the model with float32 or full int8 (or int16 with int8 weights) quantization"};
}

const flatbuffers::Vector<uint8_t>* TensorReader::data(int32_t index) const {
  const uint32_t buffer = at(index).buffer();
  const size_t buffers = model_.buffers() == nullptr ? 0 : model_.buffers()->size();
  if (buffer >= buffers && !(buffer == 0 && buffers == 0)) {
    file_.malformed(fmt::format("tensor {} refers to buffer {} of {}", index, buffer, buffers));
  }
  if (buffer == 0) return nullptr;
  const schema::Buffer& content = *model_.buffers()->Get(buffer);
  if (content.offset() > 1) {
    throw Unsupported{fmt::format("the data of tensor '{}' lies outside the model's tables", name(index)),
                      "convert the model again as one below 2 GB"};
  }
  return content.data() == nullptr || content.data()->size() == 0 ? nullptr : content.data();
}

bool TensorReader::is_constant(int32_t index) const { return data(index) != nullptr; }

bool TensorReader::is_uint8(int32_t index) const { return at(index).type() == schema::TensorType::UINT8; }

bool TensorReader::is_plain_integer(int32_t index) const {
  const schema::TensorType stored = at(index).type();
  const auto* parameters = at(index).quantization();
  const bool scaled =
      parameters != nullptr && parameters->scale() != nullptr && parameters->scale()->size() != 0;
  return (stored == schema::TensorType::INT32 || stored == schema::TensorType::INT64) && !scaled;
}

std::vector<int64_t> TensorReader::integers(int32_t index) const {
  const flatbuffers::Vector<uint8_t>* bytes = data(index);
  if (bytes == nullptr) {
    throw Unsupported{fmt::format("'{}' is computed while the network runs", name(index)),
                      "make it a constant when exporting the model"};
  }
  const auto elements = element_count(shape(index));
  const bool wide = at(index).type() == schema::TensorType::INT64;
  if (!wide && at(index).type() != schema::TensorType::INT32) {
    throw Unsupported{fmt::format("'{}' is not int32 or int64", name(index)), "export the model again"};
  }
  if (bytes->size() != elements * (wide ? 8 : 4)) {
    file_.malformed(fmt::format("tensor {} holds {} bytes, not {} elements", index, bytes->size(), elements));
  }
  file_.charge(elements * 16);
  const std::span<const uint8_t> content(bytes->data(), bytes->size());
  return wide ? widened<int64_t>(content) : widened<int32_t>(content);
}

std::optional<Quantization> TensorReader::quantization(int32_t index) const {
  const schema::QuantizationParameters* parameters = at(index).quantization();
  if (parameters == nullptr || parameters->scale() == nullptr || parameters->scale()->size() == 0) return {};
  if (parameters->details_type() != schema::QuantizationDetails::NONE) {
    throw Unsupported{fmt::format("tensor '{}' has a quantization of its own kind", name(index)),
                      "convert the model with TensorFlow Lite's int8 quantization"};
  }
  const auto& scales = *parameters->scale();
  const auto* zero_points = parameters->zero_point();
  const size_t count = zero_points == nullptr ? 0 : zero_points->size();
  if (count != 0 && count != scales.size()) {
    file_.malformed(fmt::format("tensor {} has {} scales and {} zero points", index, scales.size(), count));
  }
  file_.charge(scales.size() * (sizeof(float) + sizeof(int32_t)));
  const DataType stored = type(index);
  Quantization result;
  result.bits = stored == DataType::kInt4                                 ? 4
                : stored == DataType::kInt8 || stored == DataType::kUint8 ? 8
                : stored == DataType::kInt16                              ? 16
                                                                          : 32;
  result.scales.assign(scales.begin(), scales.end());
  for (const float scale : result.scales) {
    if (!(scale > 0) || !std::isfinite(scale)) {
      file_.malformed(fmt::format("tensor {} has a scale of {}", index, scale));
    }
  }
  const int64_t lowest = stored == DataType::kUint8 ? 0 : -(int64_t{1} << (result.bits - 1));
  const int64_t highest = lowest + (int64_t{1} << result.bits) - 1;
  result.zero_points.assign(scales.size(), 0);
  for (size_t i = 0; i < count; ++i) {
    // FlatBuffers' verifier does not check that elements of 8 bytes are aligned as such.
    int64_t zero_point = 0;
    std::memcpy(&zero_point, zero_points->Data() + i * sizeof(zero_point), sizeof(zero_point));
    if (zero_point < lowest || zero_point > highest) {
      file_.malformed(fmt::format("tensor {} has a zero point of {}", index, zero_point));
    }
    result.zero_points[i] = static_cast<int32_t>(zero_point);
  }
  if (scales.size() > 1) {
    const Shape extents = shape(index);
    result.axis = parameters->quantized_dimension();
    if (result.axis < 0 || static_cast<size_t>(result.axis) >= extents.size() ||
        static_cast<size_t>(extents[result.axis]) != scales.size()) {
      file_.malformed(fmt::format("tensor {} of shape {} has {} scales along axis {}", index,
                                  to_string(extents), scales.size(), result.axis));
    }
  }
  return result;
}

Tensor TensorReader::read(int32_t index) const {
  const schema::Tensor& from = at(index);
  if (from.sparsity() != nullptr) {
    throw Unsupported{fmt::format("tensor '{}' is stored sparsely", name(index)),
                      "convert the model without sparsity"};
  }
  if (from.is_variable()) {
    throw Unsupported{fmt::format("tensor '{}' keeps its value between runs", name(index)),
                      "use a model without state"};
  }
  Tensor tensor;
  tensor.name = name(index);
  tensor.type = type(index);
  tensor.shape = shape(index);
  if (tensor.type != DataType::kFloat32) tensor.quantization = quantization(index);
  if (const auto* bytes = data(index)) {
    if (bytes->size() != tensor.bytes()) {
      file_.malformed(fmt::format("tensor {} holds {} bytes, its shape {} of {} needs {}", index,
                                  bytes->size(), to_string(tensor.shape), name_of(tensor.type),
                                  tensor.bytes()));
    }
    file_.charge(bytes->size());
    const auto* begin = reinterpret_cast<const std::byte*>(bytes->data());
    tensor.data.emplace(begin, begin + bytes->size());
  }
  return tensor;
}

TensorId TensorReader::tensor(int32_t index) {
  at(index);
  if (ids_[index] == kNoTensor) ids_[index] = graph_.add(read(index));
  return ids_[index];
}

TensorId TensorReader::result(int32_t index) {
  const TensorId id = tensor(index);
  if (computed_[index] || graph_.tensor(id).is_constant()) {
    file_.malformed(fmt::format("tensor {} is computed twice, or is a constant", index));
  }
  computed_[index] = true;
  return id;
}

TensorId TensorReader::weight(int32_t index, DataType activations) {
  at(index);
  const bool dequantized_before = ids_[index] != kNoTensor && graph_.tensor(ids_[index]).is_constant();
  if (!is_constant(index) && !dequantized_before) {
    throw Unsupported{fmt::format("the weights '{}' are computed while the network runs", name(index)),
                      "make them constants when exporting the model"};
  }
  const DataType stored = type(index);
  const bool integer = stored == DataType::kInt8 || stored == DataType::kInt4;
  if (activations != DataType::kFloat32 || !integer) return tensor(index);
  if (dequantized_ids_[index] == kNoTensor) dequantized_ids_[index] = graph_.add(dequantized(read(index)));
  return dequantized_ids_[index];
}

void TensorReader::dequantize_constant(int32_t index, int32_t result) {
  const schema::TensorType stored = at(index).type();
  if (stored != schema::TensorType::FLOAT16 && stored != schema::TensorType::INT8 &&
      stored != schema::TensorType::INT4) {
    throw Unsupported{
        fmt::format("the constant '{}' that it dequantizes is not float16, int8 or int4", name(index)),
        "convert the model again"};
  }
  Tensor tensor = stored == schema::TensorType::FLOAT16 ? widened_halves(index) : dequantized(read(index));
  if (at(result).type() != schema::TensorType::FLOAT32 || tensor.shape != shape(result)) {
    file_.malformed(fmt::format("tensor {} is not the float32 form of constant {}", result, index));
  }
  if (ids_[result] != kNoTensor || is_constant(result)) {
    file_.malformed(fmt::format("tensor {} is used before it is computed, or computed twice", result));
  }
  tensor.name = name(result);
  ids_[result] = graph_.add(std::move(tensor));
  computed_[result] = true;
}

Tensor TensorReader::widened_halves(int32_t index) {
  const flatbuffers::Vector<uint8_t>& bytes = *data(index);
  Tensor result;
  result.shape = shape(index);
  if (bytes.size() != result.elements() * sizeof(uint16_t)) {
    file_.malformed(fmt::format("tensor {} holds {} bytes, not {} elements of 16 bits", index, bytes.size(),
                                result.elements()));
  }
  file_.charge(result.elements() * 2 * sizeof(float));
  std::vector<float> values(result.elements());
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof(bits), sizeof(bits));
    values[i] = from_half(bits);
  }
  result.data = Tensor::to_bytes(std::span<const float>(values));
  return result;
}

Tensor TensorReader::dequantized(const Tensor& integers) {
  if (!integers.quantization) file_.malformed(fmt::format("the weights '{}' have no scale", integers.name));
  const Quantization& quantization = *integers.quantization;
  size_t inner = 1;  // elements from one channel to the next
  if (quantization.per_channel()) {
    inner = element_count({integers.shape.begin() + quantization.axis + 1, integers.shape.end()});
  }
  const size_t elements = integers.elements();
  file_.charge(elements * 2 * sizeof(float));
  std::vector<float> values(elements);
  for (size_t i = 0; i < elements; ++i) {
    const size_t channel = i / inner % quantization.scales.size();
    const int32_t value =
        integers.type == DataType::kInt4 ? nibble(*integers.data, i) : integers.values<int8_t>()[i];
    values[i] = quantization.scales[channel] * static_cast<float>(value - quantization.zero_points[channel]);
  }
  Tensor result;
  result.name = integers.name;
  result.shape = integers.shape;
  result.data = Tensor::to_bytes(std::span<const float>(values));
  return result;
}

}  // namespace thimble::tflite
