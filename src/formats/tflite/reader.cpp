#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/files.h"
#include "formats/tflite/inserted.h"
#include "formats/tflite/operator_reader.h"
#include "formats/tflite/tflite.h"

namespace thimble::tflite {
namespace {

constexpr uint32_t kMaximumDepth = 16;
constexpr uint32_t kMaximumTables = 1'000'000;
constexpr size_t kMostFindings = 1000;

/// Checks every offset and size that the format's tables hold, before any is followed.
const schema::Model& verified_model(std::span<const std::byte> content, const FileInHand& file) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(content.data());
  if (content.size() < 8 || content.size() >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      !schema::ModelBufferHasIdentifier(bytes)) {
    file.malformed("it is not a TensorFlow Lite model");
  }
  flatbuffers::Verifier verifier(bytes, content.size(), kMaximumDepth, kMaximumTables);
  if (!schema::VerifyModelBuffer(verifier)) file.malformed("its tables contradict each other");
  const schema::Model& model = *schema::GetModel(bytes);
  if (model.version() != kSchemaVersion) {
    file.malformed(fmt::format("it has schema version {}, not {}", model.version(), kSchemaVersion));
  }
  if (model.subgraphs() == nullptr || model.subgraphs()->size() == 0) file.malformed("it holds no network");
  return model;
}

/// The code of an operator: codes above 127 stand in the second of its two fields alone.
schema::BuiltinOperator code_of(const schema::Model& model, const schema::Operator& o,
                                const FileInHand& file) {
  const size_t codes = model.operator_codes() == nullptr ? 0 : model.operator_codes()->size();
  if (o.opcode_index() >= codes) {
    file.malformed(fmt::format("it refers to operator code {} of {}", o.opcode_index(), codes));
  }
  const schema::OperatorCode& code = *model.operator_codes()->Get(o.opcode_index());
  const auto first = static_cast<schema::BuiltinOperator>(code.deprecated_builtin_code());
  return std::max(first, code.builtin_code());
}

std::string name_of(const schema::Model& model, const schema::Operator& o, schema::BuiltinOperator code) {
  if (code == schema::BuiltinOperator::CUSTOM) {
    const auto* custom = model.operator_codes()->Get(o.opcode_index())->custom_code();
    return "CUSTOM " + printable(custom).substr(0, 60);
  }
  const char* name = schema::EnumNameBuiltinOperator(code);
  return *name != '\0' ? name : fmt::format("number {}", static_cast<int32_t>(code));
}

/// A name for each node: the first part of its output's name (converters join the names of all that they
/// fused), made unique and never one that inserted_by_import takes for its own.
class NodeNames {
 public:
  std::string next(const std::string& output_name, const std::string& operator_name, size_t index) {
    std::string name = output_name.substr(0, output_name.find(';'));
    std::replace(name.begin(), name.end(), '#', '_');
    if (name.empty()) name = fmt::format("{}_{}", operator_name, index);
    if (!taken_.insert(name).second) {
      name += fmt::format("_{}", index);
      while (!taken_.insert(name).second) name += '_';
    }
    return name;
  }

 private:
  std::unordered_set<std::string> taken_;
};

/// What no Graph can hold, gathered over the whole file so that a user learns all of it at once.
class Findings {
 public:
  void add(std::string_view place, const Unsupported& unsupported) {
    if (all_.size() == kMostFindings) return;
    all_.push_back({std::string(place), unsupported.reason, unsupported.remedy});
  }

  void throw_if_any(const FileInHand& file) const {
    if (!all_.empty()) throw ModelError(file.name(), all_);
  }

 private:
  std::vector<Finding> all_;
};

std::vector<TensorId> tensor_list(TensorReader& tensors, const flatbuffers::Vector<int32_t>* indices,
                                  std::string_view kind, FileInHand& file, Findings& findings) {
  std::vector<TensorId> result;
  const size_t count = indices == nullptr ? 0 : indices->size();
  file.charge(count * sizeof(TensorId));
  for (size_t i = 0; i < count; ++i) {
    try {
      result.push_back(tensors.tensor(indices->Get(static_cast<flatbuffers::uoffset_t>(i))));
    } catch (const Unsupported& unsupported) {
      findings.add(fmt::format("{} {}", kind, i), unsupported);
    }
  }
  return result;
}

void read_operators(const schema::Model& model, const schema::SubGraph& subgraph, TensorReader& tensors,
                    FileInHand& file, Graph& graph, Findings& findings) {
  OperatorReader operators(tensors, file, graph);
  NodeNames names;
  const size_t count = subgraph.operators() == nullptr ? 0 : subgraph.operators()->size();
  for (size_t i = 0; i < count; ++i) {
    const schema::Operator& o = *subgraph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    const auto code = code_of(model, o, file);
    const std::string operator_name = name_of(model, o, code);
    const bool named = o.outputs() != nullptr && o.outputs()->size() != 0;
    const std::string output_name = named ? tensors.name(o.outputs()->Get(0)) : "";
    try {
      operators.read(o, code, names.next(output_name, operator_name, i));
    } catch (const Unsupported& unsupported) {
      findings.add(fmt::format("operator {} {} (output '{}')", i, operator_name, output_name.substr(0, 80)),
                   unsupported);
    }
  }
}

/// Metadata that is text; the rest means something to other programs only.
void read_metadata(const schema::Model& model, FileInHand& file, Graph& graph) {
  if (model.description() != nullptr && model.description()->size() != 0) {
    file.charge(model.description()->size());
    std::string description = printable(model.description());
    if (description.ends_with(kAlsoWrittenBy)) description.resize(description.size() - kAlsoWrittenBy.size());
    if (description != kWrittenBy) graph.metadata["description"] = description;
  }
  if (model.metadata() == nullptr || model.buffers() == nullptr) return;
  for (const schema::Metadata* entry : *model.metadata()) {
    if (entry->buffer() >= model.buffers()->size()) file.malformed("its metadata refers to no buffer");
    const auto* data = model.buffers()->Get(entry->buffer())->data();
    if (data == nullptr || entry->name() == nullptr) continue;
    file.charge(data->size() + entry->name()->size());
    const std::string text(data->begin(), data->end());
    const bool readable = std::all_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t';
    });
    if (readable) graph.metadata.emplace(printable(entry->name()), text);
  }
}

}  // namespace

Graph parse_tflite(std::span<const std::byte> content, std::string_view file_name) {
  FileInHand file(file_name, content.size());
  // Tables are read in place, which needs the alignment that they have relative to the file's beginning.
  std::vector<std::byte> aligned;
  if (reinterpret_cast<uintptr_t>(content.data()) % 16 != 0) {
    aligned.assign(content.begin(), content.end());
    content = aligned;
  }
  const schema::Model& model = verified_model(content, file);
  const schema::SubGraph& subgraph = *model.subgraphs()->Get(0);

  Graph graph;
  graph.name = std::filesystem::path(file_name).stem().string();
  TensorReader tensors(model, subgraph, file, graph);
  Findings findings;
  graph.inputs = tensor_list(tensors, subgraph.inputs(), "input", file, findings);
  read_operators(model, subgraph, tensors, file, graph, findings);
  graph.outputs = tensor_list(tensors, subgraph.outputs(), "output", file, findings);
  findings.throw_if_any(file);
  read_metadata(model, file, graph);
  try {
    validate(graph);
  } catch (const Error& error) {
    throw Error(file.name(), fmt::format("it holds no valid network: {}", error.what()), "");
  }
  return graph;
}

Graph read_tflite(const std::filesystem::path& path) { return parse_tflite(read_file(path), path.string()); }

bool inserted_by_import(const Node& node) {
  return std::holds_alternative<Reshape>(node.op) &&
         (node.name.ends_with(kInsertedBefore) || node.name.ends_with(kInsertedAfter));
}

}  // namespace thimble::tflite
