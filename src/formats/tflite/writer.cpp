#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "formats/tflite/inserted.h"
#include "formats/tflite/operator_writer.h"
#include "formats/tflite/tflite.h"
#include "graph/input_bytes.h"

namespace thimble::tflite {
namespace {

constexpr uint32_t kBufferAlignment = 16;

template <typename T>
using Offsets = std::vector<flatbuffers::Offset<T>>;

/// int8 elements of 4 bits, two to a byte, low nibble first.
std::vector<std::byte> packed(const Tensor& tensor) {
  const auto values = tensor.values<int8_t>();
  std::vector<std::byte> result((values.size() + 1) / 2);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < -8 || values[i] > 7) {
      throw Error(
          fmt::format("Tensor '{}'", tensor.name),
          fmt::format("holds {}, its quantization says {} bits", values[i], tensor.quantization->bits),
          "Quantize the model again");
    }
    result[i / 2] |= static_cast<std::byte>((values[i] & 0x0F) << (i % 2 == 0 ? 0 : 4));
  }
  return result;
}

class ModelWriter {
 public:
  explicit ModelWriter(const Graph& graph) : graph_(graph) {
    buffers_.push_back(schema::CreateBuffer(builder_));  // by convention the buffer of tensors without data
  }

  std::string write() {
    merge_inserted();
    for (const TensorId id : graph_.inputs) index_of(id);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (!merged_[n]) write_node(graph_.nodes[n]);
    }
    const auto subgraph = write_subgraph();
    const auto metadata = write_metadata();
    const auto signature = write_signature();
    const auto described = graph_.metadata.find("description");
    const auto description = builder_.CreateString(described == graph_.metadata.end()
                                                       ? std::string(kWrittenBy)
                                                       : described->second + std::string(kAlsoWrittenBy));
    const auto codes = builder_.CreateVector(codes_);
    const auto subgraphs = builder_.CreateVector(Offsets<schema::SubGraph>{subgraph});
    const auto buffers = builder_.CreateVector(buffers_);
    const auto signatures = builder_.CreateVector(Offsets<schema::SignatureDef>{signature});
    schema::FinishModelBuffer(builder_, schema::CreateModel(builder_, kSchemaVersion, codes, subgraphs,
                                                            description, buffers, 0, metadata, signatures));
    return {reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize()};
  }

 private:
  /// Finds the Reshapes that the reader put beside dense layers and that still stand alone there: the dense
  /// layer reads and writes past them.
  void merge_inserted() {
    written_as_.resize(graph_.tensors.size());
    for (size_t id = 0; id < written_as_.size(); ++id) written_as_[id] = static_cast<TensorId>(id);
    merged_.resize(graph_.nodes.size());
    const auto producer = producers(graph_);
    const auto readers = consumers(graph_);
    const auto is_dense = [&](int32_t node) {
      return node >= 0 && std::holds_alternative<FullyConnected>(graph_.nodes[node].op);
    };
    const auto read_once = [&](TensorId id) {
      return readers[id].size() == 1 &&
             std::find(graph_.outputs.begin(), graph_.outputs.end(), id) == graph_.outputs.end();
    };
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      if (!inserted_by_import(node)) continue;
      const TensorId input = node.inputs[0];
      const TensorId output = node.outputs[0];
      if (node.name.ends_with(kInsertedBefore) && read_once(output) && is_dense(readers[output][0])) {
        written_as_[output] = input;
        merged_[n] = true;
      } else if (node.name.ends_with(kInsertedAfter) && read_once(input) && is_dense(producer[input])) {
        written_as_[input] = output;
        merged_[n] = true;
      }
    }
  }

  /// The place of a tensor in the file, which it gets when it is first asked for.
  int32_t index_of(TensorId id) {
    id = written_as_[id];
    const auto found = indices_.find(id);
    if (found != indices_.end()) return found->second;
    const Tensor& tensor = graph_.tensor(id);
    uint32_t buffer = 0;
    if (tensor.is_constant()) {
      const bool pack = tensor.type == DataType::kInt8 && type_in_file(tensor) == schema::TensorType::INT4;
      buffer = add_buffer(pack ? packed(tensor) : *tensor.data);
    }
    const int32_t index =
        add_tensor(tensor.name, tensor.shape, type_in_file(tensor), buffer, tensor.quantization);
    indices_.emplace(id, index);
    return index;
  }

  int32_t add_tensor(const std::string& name, const Shape& shape, schema::TensorType type, uint32_t buffer,
                     const std::optional<Quantization>& quantization) {
    flatbuffers::Offset<schema::QuantizationParameters> parameters;
    if (quantization) {
      const auto scales = builder_.CreateVector(quantization->scales);
      const auto zero_points = builder_.CreateVector(
          std::vector<int64_t>(quantization->zero_points.begin(), quantization->zero_points.end()));
      parameters = schema::CreateQuantizationParameters(builder_, 0, 0, scales, zero_points,
                                                        schema::QuantizationDetails::NONE, 0,
                                                        quantization->per_channel() ? quantization->axis : 0);
    }
    const auto extents = builder_.CreateVector(shape);
    const auto tensor_name = builder_.CreateString(name);
    tensors_.push_back(schema::CreateTensor(builder_, extents, type, buffer, tensor_name, parameters));
    return static_cast<int32_t>(tensors_.size() - 1);
  }

  uint32_t add_buffer(std::span<const std::byte> bytes) {
    builder_.ForceVectorAlignment(bytes.size(), sizeof(uint8_t), kBufferAlignment);
    const auto data = builder_.CreateVector(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    buffers_.push_back(schema::CreateBuffer(builder_, data));
    return static_cast<uint32_t>(buffers_.size() - 1);
  }

  int32_t add_parameter(const ParameterTensor& parameter) {
    if (parameter.like == kNoTensor) {
      return add_tensor(parameter.name, parameter.shape, schema::TensorType::INT32,
                        add_buffer(std::as_bytes(std::span(parameter.integers))), {});
    }
    const Tensor& like = graph_.tensor(parameter.like);
    const std::vector<std::byte> bytes = input_bytes(like, std::span(&parameter.value, 1));
    return add_tensor(parameter.name, parameter.shape, type_in_file(like), add_buffer(bytes),
                      like.quantization);
  }

  int32_t add_zero_bias(const Node& node) {
    const Shape channels = {graph_.tensor(node.outputs[0]).shape.back()};
    const bool is_wide = graph_.tensor(node.inputs[0]).type == DataType::kInt16;
    const std::vector<std::byte> zeros(static_cast<size_t>(channels[0]) * (is_wide ? 8 : 4));
    const uint32_t buffer = add_buffer(zeros);
    const auto& weights = graph_.tensor(node.inputs[1]).quantization;
    if (!weights) return add_tensor(node.name + "/bias", channels, schema::TensorType::FLOAT32, buffer, {});
    Quantization q = *weights;
    for (float& scale : q.scales) scale *= graph_.tensor(node.inputs[0]).quantization->scales[0];
    if (q.per_channel()) q.axis = 0;
    return add_tensor(node.name + "/bias", channels,
                      is_wide ? schema::TensorType::INT64 : schema::TensorType::INT32, buffer, q);
  }

  void write_node(const Node& node) {
    const Shape& output_shape = graph_.tensor(written_as_[node.outputs[0]]).shape;
    const WrittenNode written = write_operator(graph_, node, output_shape, builder_);
    std::vector<int32_t> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(index_of(id));
    for (size_t i = 0; i < written.operators.size(); ++i) {
      const WrittenOperator& o = written.operators[i];
      const bool last = i + 1 == written.operators.size();
      std::vector<int32_t> own = last ? inputs : std::vector<int32_t>{inputs[0]};
      if (o.bias_left_out) own.push_back(-1);
      if (o.bias_of_zeros) own.push_back(add_zero_bias(node));
      for (const ParameterTensor& parameter : o.parameters) own.push_back(add_parameter(parameter));
      int32_t output = 0;
      if (last) {
        output = index_of(node.outputs[0]);
      } else {
        const Tensor& unpadded = graph_.tensor(node.inputs[0]);
        output = add_tensor(node.name + "/padded", written.padded, type_in_file(unpadded), 0,
                            unpadded.quantization);
        inputs[0] = output;
      }
      add_operator(o, own, output);
    }
  }

  void add_operator(const WrittenOperator& o, const std::vector<int32_t>& inputs, int32_t output) {
    const auto input_vector = builder_.CreateVector(inputs);
    const auto output_vector = builder_.CreateVector(std::vector<int32_t>{output});
    operators_.push_back(schema::CreateOperator(builder_, code_index(o), input_vector, output_vector,
                                                o.options_type, o.options));
  }

  uint32_t code_index(const WrittenOperator& o) {
    const auto [place, added] =
        code_indices_.try_emplace({o.code, o.version}, static_cast<uint32_t>(codes_.size()));
    if (added) {
      const auto short_code = std::min(o.code, schema::BuiltinOperator::PLACEHOLDER_FOR_GREATER_OP_CODES);
      codes_.push_back(
          schema::CreateOperatorCode(builder_, static_cast<int8_t>(short_code), 0, o.version, o.code));
    }
    return place->second;
  }

  flatbuffers::Offset<schema::SubGraph> write_subgraph() {
    const auto list = [&](const std::vector<TensorId>& ids) {
      std::vector<int32_t> indices;
      for (const TensorId id : ids) indices.push_back(index_of(id));
      return builder_.CreateVector(indices);
    };
    const auto inputs = list(graph_.inputs);
    const auto outputs = list(graph_.outputs);
    const auto tensors = builder_.CreateVector(tensors_);
    const auto operators = builder_.CreateVector(operators_);
    const auto name = builder_.CreateString("main");
    return schema::CreateSubGraph(builder_, tensors, inputs, outputs, operators, name);
  }

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<schema::Metadata>>> write_metadata() {
    Offsets<schema::Metadata> entries;
    for (const auto& [key, value] : graph_.metadata) {
      if (key == "description") continue;
      const uint32_t buffer = add_buffer(std::as_bytes(std::span(value)));
      entries.push_back(schema::CreateMetadata(builder_, builder_.CreateString(key), buffer));
    }
    return builder_.CreateVector(entries);
  }

  /// Lets TensorFlow Lite's interpreters address inputs and outputs by name.
  flatbuffers::Offset<schema::SignatureDef> write_signature() {
    const auto map = [&](const std::vector<TensorId>& ids) {
      Offsets<schema::TensorMap> entries;
      for (const TensorId id : ids) {
        const auto name = builder_.CreateString(graph_.tensor(id).name);
        entries.push_back(schema::CreateTensorMap(builder_, name, static_cast<uint32_t>(index_of(id))));
      }
      return builder_.CreateVector(entries);
    };
    const auto inputs = map(graph_.inputs);
    const auto outputs = map(graph_.outputs);
    const auto key = builder_.CreateString("serving_default");
    return schema::CreateSignatureDef(builder_, inputs, outputs, key, 0);
  }

  const Graph& graph_;
  flatbuffers::FlatBufferBuilder builder_;
  Offsets<schema::Buffer> buffers_;
  Offsets<schema::Tensor> tensors_;
  Offsets<schema::Operator> operators_;
  Offsets<schema::OperatorCode> codes_;
  std::map<std::pair<schema::BuiltinOperator, int32_t>, uint32_t> code_indices_;
  std::vector<TensorId> written_as_;  ///< by tensor: the one that stands for it in the file
  std::vector<bool> merged_;          ///< by node: stands for no operator of the file
  std::map<TensorId, int32_t> indices_;
};

}  // namespace

std::string to_tflite(const Graph& graph) {
  validate(graph);
  return ModelWriter(graph).write();
}

void write_tflite(const Graph& graph, const std::filesystem::path& path) {
  write_file_atomically(path, std::string_view(to_tflite(graph)));
}

std::vector<std::string> builtin_operators(std::string_view content) {
  std::set<std::string> names;
  for (const auto* code : *schema::GetModel(content.data())->operator_codes()) {
    names.insert(schema::EnumNameBuiltinOperator(code->builtin_code()));
  }
  return {names.begin(), names.end()};
}

}  // namespace thimble::tflite
