#include "deploy/c_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "deploy/c_parameters.h"
#include "deploy/c_text.h"
#include "deploy/kernel_files.h"
#include "deploy/node_order.h"
#include "deploy/schedule.h"
#include "graph/kernel_call.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::deploy {
namespace {

constexpr size_t kColumns = 110;

std::string_view c_type(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return "float";
    case DataType::kInt64:
      return "int64_t";
    case DataType::kInt32:
      return "int32_t";
    case DataType::kInt16:
      return "int16_t";
    case DataType::kInt8:
      return "int8_t";
    case DataType::kUint8:
      return "uint8_t";
    case DataType::kInt4:
      return "int8_t";  // kernels take it unpacked
  }
  throw Error("C writer", fmt::format("cannot write a tensor of type {}", name_of(type)),
              "Use float32, int8 or int16");
}

/// Comma-separated items, broken into lines that begin with `indent`.
std::string wrap(std::span<const std::string> items, std::string_view indent) {
  std::string text;
  std::string line(indent);
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string item = items[i] + (i + 1 < items.size() ? "," : "");
    if (line.size() > indent.size() && line.size() + 1 + item.size() > kColumns) {
      text += line + "\n";
      line = indent;
    }
    if (line.size() > indent.size()) line += ' ';
    line += item;
  }
  return text + line;
}

template <typename T>
std::string array(std::string_view type, std::string_view name, std::span<const T> values) {
  std::vector<std::string> items;
  items.reserve(values.size());
  for (const T value : values) {
    if constexpr (std::is_same_v<T, float>) {
      items.push_back(c_float(value));
    } else if constexpr (std::is_same_v<T, int64_t>) {
      items.push_back(type == "uint32_t" ? fmt::format("{:#010x}U", value) : fmt::format("{}", value));
    } else {
      items.push_back(c_int32(value));
    }
  }
  return fmt::format("static const {} {}[{}] = {{\n{}\n}};\n", type, name, values.size(),
                     wrap(items, "    "));
}

std::string quantization_text(const Tensor& tensor) {
  if (!tensor.quantization || tensor.quantization->per_channel()) return "";
  const float scale = tensor.quantization->scales[0];
  const int32_t zero_point = tensor.quantization->zero_points[0];
  return fmt::format(": real value = {:.9g} * (integer {} {})", scale, zero_point < 0 ? '+' : '-',
                     zero_point < 0 ? -int64_t{zero_point} : int64_t{zero_point});
}

/// What was counted of the chosen way, and of the best way of each other kernel.
std::string counts_text(const KernelChoice& choice, std::span<const CountedWay> counted) {
  std::string text;
  std::set<std::string> others = {choice.kernel.function};
  for (const CountedWay& way : counted) {
    if (way.kernel == choice.kernel.function && way.extents == choice.extents) {
      text = fmt::format("; {} cycles counted{}", grouped(way.cycles), text);
    } else if (others.insert(way.kernel).second) {
      text += fmt::format(", {} {}", way.kernel, grouped(way.cycles));
    }
  }
  return text;
}

class Writer {
 public:
  Writer(const Graph& graph, Schedule schedule, const CWriterOptions& options)
      : graph_(reordered(graph, schedule.order)),
        options_(options),
        choices_(std::move(schedule.kernels)),
        counted_(std::move(schedule.counted)) {
    program_.prefix = c_prefix(options.prefix.empty() ? graph.name : options.prefix);
    capitals_ = upper_case(program_.prefix);
    program_.order = std::move(schedule.order);
    program_.order_is_exact = schedule.order_is_exact;
    program_.given_arena_bytes = schedule.given_arena_bytes;
    program_.plan = std::move(schedule.plan);
    program_.arena_bytes = program_.plan.arena_bytes;
    program_.macs = mac_count(graph);
    for (const TensorId id : graph.inputs) program_.input_bytes.push_back(graph.tensor(id).bytes());
    for (const TensorId id : graph.outputs) {
      if (offset(id) == MemoryPlan::kNowhere) {
        throw Error(fmt::format("Output '{}'", graph.tensor(id).name), "does not depend on any input",
                    "Take it out of the model: it is a constant");
      }
      program_.output_bytes.push_back(graph.tensor(id).bytes());
    }
  }

  GeneratedC write() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) add_layer(i);
    program_.files.push_back({program_.prefix + ".h", header()});
    program_.files.push_back({program_.prefix + ".c", source()});
    add_kernels();
    return std::move(program_);
  }

 private:
  size_t offset(TensorId id) const { return program_.plan.offsets[static_cast<size_t>(id)]; }

  /// A tensor's address as an expression of C.
  std::string address(TensorId id, const std::string& layout = "") const {
    if (graph_.tensor(id).is_constant()) return constant_names_.at({id, layout});
    return fmt::format("THIMBLE_AT({}, {})", c_type(graph_.tensor(id).type), offset(id));
  }

  /// Writes the constants that no layer before has read; returns their bytes.
  size_t add_constants(const Node& node, const std::string& layer, const WeightLayout& weights,
                       size_t inputs) {
    size_t bytes = 0;
    const bool weighted = has_weights(node.op);
    for (size_t i = 0; i < inputs; ++i) {
      const TensorId id = node.inputs[i];
      const Tensor& tensor = graph_.tensor(id);
      const bool laid_out = weighted && i == 1 && !weights.name.empty();
      const std::pair key(id, laid_out ? weights.name : "");
      if (!tensor.is_constant() || constant_names_.contains(key)) continue;
      const std::string role = weighted && i == 1   ? "weights"
                               : weighted && i == 2 ? "bias"
                                                    : fmt::format("constant_{}", i);
      const std::string name = constant_names_[key] = fmt::format("{}_{}", layer, role);
      const std::string_view type = c_type(tensor.type);
      constants_ += fmt::format("\n/* '{}': {} {} */\n", c_comment(tensor.name), to_string(tensor.shape),
                                name_of(tensor.type));
      if (laid_out) {
        constants_ += array(weights.c_type, name, std::span<const int64_t>(weights.elements));
        bytes += weights.bytes;
        continue;
      }
      if (tensor.type == DataType::kFloat32) constants_ += array(type, name, finite(tensor));
      if (tensor.type == DataType::kInt64) constants_ += array(type, name, tensor.values<int64_t>());
      if (tensor.type == DataType::kInt32) constants_ += array(type, name, tensor.values<int32_t>());
      if (tensor.type == DataType::kInt16) constants_ += array(type, name, tensor.values<int16_t>());
      if (tensor.type == DataType::kInt4) {
        const std::vector<int8_t> values = int8_values(tensor);
        constants_ += array(type, name, std::span<const int8_t>(values));
        bytes += values.size() - tensor.bytes();
      }
      if (tensor.type == DataType::kInt8) constants_ += array(type, name, tensor.values<int8_t>());
      if (tensor.type == DataType::kUint8) constants_ += array(type, name, tensor.values<uint8_t>());
      bytes += tensor.bytes();
    }
    return bytes;
  }

  static std::span<const float> finite(const Tensor& tensor) {
    const auto values = tensor.values<float>();
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
      throw Error(fmt::format("Tensor '{}'", tensor.name), "holds infinite values or NaN",
                  "Train the model again: its weights have diverged");
    }
    return values;
  }

  /// How many of a node's inputs its kernel takes as they are: a bias may be in the factors.
  size_t tensor_arguments(size_t index) const {
    return choices_[index].factors.empty() ? graph_.nodes[index].inputs.size() : 2;
  }

  size_t add_factors(const std::string& name, const std::vector<int32_t>& values) {
    if (values.empty()) return 0;
    constants_ += array("int32_t", name, std::span<const int32_t>(values));
    return values.size() * sizeof(int32_t);
  }

  template <typename T>
  size_t add_table(const std::string& name, const std::vector<T>& values) {
    const DataType type = sizeof(T) == sizeof(int8_t) ? DataType::kInt8 : DataType::kInt16;
    if (!values.empty()) constants_ += array(c_type(type), name, std::span<const T>(values));
    return values.size() * sizeof(T);
  }

  void add_layer(size_t index) {
    const Node& node = graph_.nodes[index];
    const TensorId output = node.outputs[0];
    const Tensor& result = graph_.tensor(output);
    GeneratedLayer layer;
    layer.name = node.name;
    layer.op = name_of(node.op);
    layer.macs = mac_count(graph_, node);
    layer.arena_bytes = program_.plan.live_bytes[index];

    const std::string title = describe(index);
    if (std::holds_alternative<Reshape>(node.op) && offset(node.inputs[0]) == offset(output)) {
      run_ += fmt::format("  /* {}: nothing to compute */\n", title);
    } else {
      const KernelCall call = kernel_call(graph_, node);
      const KernelChoice& choice = choices_[index];
      const KernelName& kernel = choice.kernel;
      const WeightLayout weights =
          choice.layout ? choice.layout(graph_.tensor(node.inputs.at(1))) : WeightLayout{};
      layer.kernel = kernel.function;
      layer.why = choice.why;
      if (!counted_.empty()) {
        layer.counted = counted_[index];
        layer.why += counts_text(choice, layer.counted);
      }
      layer.scratch_bytes = choice.scratch_bytes;
      layer.function = fmt::format("{}_layer_{}_{}", program_.prefix, index, c_operator_name(layer.op));
      headers_.insert(kernel.header);
      const std::string stem = fmt::format("{}_layer_{}", program_.prefix, index);
      layer.weights_bytes = add_constants(node, stem, weights, tensor_arguments(index));
      if (!choice.factors.empty()) {
        layer.weights_bytes += add_factors(stem + "_factors", choice.factors);
      } else {
        layer.weights_bytes += add_factors(stem + "_multipliers", call.multipliers) +
                               add_factors(stem + "_shifts", call.shifts) +
                               add_table(stem + "_table", call.table) +
                               add_table(stem + "_table", call.interpolated);
      }
      layers_ +=
          fmt::format("\n/* {} */\nTHIMBLE_LAYER static void {}(void *arena) {{\n", title, layer.function);
      add_calls(index, call, weights.name, stem);
      layers_ += "}\n";
      run_ += fmt::format("  {}(arena);\n", layer.function);
    }
    run_ += fmt::format("  THIMBLE_TRACE_LAYER({}, {}, {});\n", program_.order[index], offset(output),
                        result.bytes());
    program_.weights_bytes += layer.weights_bytes;
    program_.layers.push_back(std::move(layer));
  }

  std::string describe(size_t index) const {
    const Node& node = graph_.nodes[index];
    std::string inputs;
    for (const TensorId id : node.inputs) {
      if (graph_.tensor(id).is_constant()) continue;
      inputs += fmt::format("{}{}", inputs.empty() ? "" : ", ", to_string(graph_.tensor(id).shape));
    }
    const uint64_t macs = mac_count(graph_, node);
    return fmt::format("{}: {} '{}', {} -> {}{}", index, name_of(node.op), c_comment(node.name), inputs,
                       to_string(graph_.tensor(node.outputs[0]).shape),
                       macs > 0 ? fmt::format(", {} multiply-accumulates", macs) : "");
  }

  void add_calls(size_t index, const KernelCall& call, const std::string& layout, const std::string& stem) {
    const Node& node = graph_.nodes[index];
    const KernelChoice& choice = choices_[index];
    const std::string& function = choice.kernel.function;
    std::vector<CParameters> calls = c_parameters(call.parameters);
    // An integer kernel does not read the bounds of a float's.
    const bool integer = graph_.tensor(node.outputs[0]).type != DataType::kFloat32;
    for (CParameters& one : calls) {
      std::erase_if(one.fields,
                    [&](const std::string& field) { return integer && field.starts_with(".float_"); });
    }
    const bool one_input_a_call = std::holds_alternative<Concat>(node.op);
    for (size_t i = 0; i < calls.size(); ++i) {
      const std::string name = calls.size() == 1 ? "parameters" : fmt::format("parameters_{}", i);
      layers_ += fmt::format("  static const {} {} = {{\n{}\n  }};\n", calls[i].type, name,
                             wrap(calls[i].fields, "      "));
    }
    for (size_t i = 0; i < calls.size(); ++i) {
      std::vector<std::string> arguments = {calls.size() == 1 ? "&parameters"
                                                              : fmt::format("&parameters_{}", i)};
      if (one_input_a_call) {
        arguments.push_back(address(node.inputs[i]));
      } else {
        for (size_t k = 0; k < tensor_arguments(index); ++k) {
          arguments.push_back(address(node.inputs[k], has_weights(node.op) && k == 1 ? layout : ""));
        }
        if (!choice.factors.empty()) {
          arguments.push_back(stem + "_factors");
        } else if (has_weights(node.op) && node.inputs.size() == 2) {
          arguments.push_back("0 /* no bias */");
        }
        if (choice.factors.empty() && !call.multipliers.empty()) {
          arguments.push_back(stem + "_multipliers");
          arguments.push_back(stem + "_shifts");
        }
        if (!call.table.empty() || !call.interpolated.empty()) arguments.push_back(stem + "_table");
      }
      if (choice.scratch_bytes > 0) {
        arguments.push_back(fmt::format("THIMBLE_AT(uint32_t, {})", program_.plan.scratch_offsets[index]));
      }
      for (const int32_t extent : choice.extents) arguments.push_back(c_int32(extent));
      arguments.push_back(address(node.outputs[0]));
      std::string text = fmt::format("  {}({});", function, fmt::join(arguments, ", "));
      if (text.size() > kColumns) text = fmt::format("  {}(\n{});", function, wrap(arguments, "      "));
      layers_ += text + "\n";
    }
  }

  void add_kernels() {
    std::vector<std::string> open(headers_.begin(), headers_.end());
    std::set<std::string> seen(headers_);
    std::map<std::string, std::string_view> contents;
    while (!open.empty()) {
      const std::string name = open.back();
      open.pop_back();
      const auto file = std::ranges::find(kernel_files(), name, &EmbeddedFile::name);
      assert(file != kernel_files().end());
      contents[name] = file->content;
      const std::string folder = name.substr(0, name.find('/') + 1);
      for (const std::string& included : included_files(file->content)) {
        const std::string path = std::filesystem::path(folder + included).lexically_normal();
        if (seen.insert(path).second) open.push_back(path);
      }
    }
    for (const auto& [name, content] : contents) program_.files.push_back({name, std::string(content)});
  }

  /// The names in the #include "..." lines.
  static std::vector<std::string> included_files(std::string_view content) {
    constexpr std::string_view kMark = "#include \"";
    std::vector<std::string> names;
    for (size_t at = content.find(kMark); at != std::string_view::npos; at = content.find(kMark, at + 1)) {
      const size_t begin = at + kMark.size();
      names.emplace_back(content.substr(begin, content.find('"', begin) - begin));
    }
    return names;
  }

  std::string tensor_text(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    return fmt::format("'{}', {} {}{}", c_comment(tensor.name), to_string(tensor.shape), name_of(tensor.type),
                       quantization_text(tensor));
  }

  std::string header() const {
    const std::string& p = program_.prefix;
    const auto name_of_input = [&](size_t i) { return accessor_name(p, "input", i, graph_.inputs.size()); };
    const auto name_of_output = [&](size_t i) {
      return accessor_name(p, "output", i, graph_.outputs.size());
    };
    std::string text =
        fmt::format("/* '{}': a neural network as plain C, written by Thimble.\n *\n * How to call it:\n",
                    c_comment(graph_.name));
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      text += fmt::format(" *   {} *in{} = {}({}_arena);  write {}_BYTES there\n",
                          c_type(graph_.tensor(graph_.inputs[i]).type),
                          graph_.inputs.size() > 1 ? fmt::format("_{}", i) : "", name_of_input(i), p,
                          upper_case(name_of_input(i)));
    }
    text += fmt::format(" *   {}_run({}_arena);\n", p, p);
    for (size_t i = 0; i < graph_.outputs.size(); ++i) {
      text += fmt::format(" *   const {} *out{} = {}({}_arena);  read {}_BYTES there\n",
                          c_type(graph_.tensor(graph_.outputs[i]).type),
                          graph_.outputs.size() > 1 ? fmt::format("_{}", i) : "", name_of_output(i), p,
                          upper_case(name_of_output(i)));
    }
    text += " *\n * What it computes (batch first, channels last):\n";
    for (const TensorId id : graph_.inputs) text += fmt::format(" *   input   {}\n", tensor_text(id));
    for (const TensorId id : graph_.outputs) text += fmt::format(" *   output  {}\n", tensor_text(id));
    text += fmt::format(
        " *\n * What it costs: {} bytes of RAM for the arena, {} bytes of flash for constants, {} "
        "multiply-accumulates a run;\n"
        " * code and stack come on top. Inputs and outputs lie in the arena: a run writes over its inputs, "
        "so write them again\n"
        " * before the next. The arena is the only memory that is written: with an arena of its own (aligned "
        "to {} bytes) each\n"
        " * caller may run at the same time. Define {}_NO_ARENA for the whole build to do without {}_arena. "
        "*/\n",
        program_.arena_bytes, program_.weights_bytes, program_.macs, MemoryPlan::kArenaAlignment, capitals_,
        p);
    text += fmt::format("#ifndef {0}_H\n#define {0}_H\n\n#include <stdint.h>\n\n", capitals_);
    text += define("ARENA_BYTES", program_.arena_bytes) +
            define("ARENA_ALIGNMENT", MemoryPlan::kArenaAlignment) +
            define("WEIGHTS_BYTES", program_.weights_bytes);
    text += fmt::format("#define {}_MACS {}{}\n", capitals_, program_.macs,
                        program_.macs > INT32_MAX ? "ULL" : "");
    for (size_t i = 0; i < graph_.inputs.size(); ++i)
      text += tensor_macros(name_of_input(i), graph_.inputs[i]);
    for (size_t i = 0; i < graph_.outputs.size(); ++i)
      text += tensor_macros(name_of_output(i), graph_.outputs[i]);
    text += class_macros();
    text += fmt::format(
        "\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n#ifndef {0}_NO_ARENA\nextern uint8_t "
        "{1}_arena[{0}_ARENA_BYTES];\n#endif\n\n",
        capitals_, p);
    text += fmt::format("void {}_run(void *arena);\n\n", p);
    for (size_t i = 0; i < graph_.inputs.size(); ++i)
      text += accessor(name_of_input(i), graph_.inputs[i], "");
    for (size_t i = 0; i < graph_.outputs.size(); ++i)
      text += accessor(name_of_output(i), graph_.outputs[i], "const ");
    return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  }

  std::string define(std::string_view name, size_t value) const {
    return fmt::format("#define {}_{} {}\n", capitals_, name, value);
  }

  std::string tensor_macros(const std::string& accessor, TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    const std::string name = upper_case(accessor);
    std::string text = fmt::format("#define {0}_BYTES {1}\n#define {0}_ELEMENTS {2}\n", name, tensor.bytes(),
                                   tensor.elements());
    if (tensor.quantization && !tensor.quantization->per_channel()) {
      text +=
          fmt::format("#define {0}_SCALE {1}\n#define {0}_ZERO_POINT ({2})\n", name,
                      c_float(tensor.quantization->scales[0]), c_int32(tensor.quantization->zero_points[0]));
    }
    return text;
  }

  std::string class_macros() const {
    std::vector<std::string> names;
    for (const std::string& name : options_.class_names) names.push_back(c_string(name));
    if (const auto found = graph_.metadata.find("classes"); names.empty() && found != graph_.metadata.end()) {
      for (std::string_view rest = found->second; !rest.empty();) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        names.push_back(c_string(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    if (names.empty()) return "";
    return fmt::format("#define {}_CLASSES {}\n", capitals_, names.size()) +
           fmt::format(
               "/* const char *const names[] = {0}_CLASS_NAMES; */\n#define {0}_CLASS_NAMES {{{1}}}\n",
               capitals_, fmt::join(names, ", "));
  }

  std::string accessor(const std::string& name, TensorId id, std::string_view qualifier) const {
    const std::string_view type = c_type(graph_.tensor(id).type);
    return fmt::format(
        "static inline {0}{1} *{2}({0}void *arena) {{\n  return ({0}{1} *)({0}void *)(({0}uint8_t *)arena + "
        "{3});\n}}\n",
        qualifier, type, name, offset(id));
  }

  std::string source() const {
    const std::string& p = program_.prefix;
    std::string text =
        fmt::format("/* '{}', written by Thimble; {}.h says how to call it. */\n#include \"{}.h\"\n\n",
                    c_comment(graph_.name), p, p);
    for (const std::string& header : headers_) text += fmt::format("#include \"{}\"\n", header);
    text += budget_asserts();
    text += fmt::format(R"(
/* One function a layer, kept apart, so that a profile by function is a profile by layer. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define THIMBLE_LAYER __attribute__((noipa))
#elif defined(__GNUC__)
#define THIMBLE_LAYER __attribute__((noinline))
#else
#define THIMBLE_LAYER
#endif
#define THIMBLE_AT(type, offset) ((type *)(void *)((uint8_t *)arena + (offset)))

#ifdef THIMBLE_TRACE
#include <stddef.h>
/* Defined by whoever traces: called after each layer with what it computed. */
void thimble_trace(int node, const void *data, size_t bytes);
#define THIMBLE_TRACE_LAYER(node, offset, bytes) thimble_trace(node, THIMBLE_AT(const uint8_t, offset), bytes)
#else
#define THIMBLE_TRACE_LAYER(node, offset, bytes) ((void)0)
#endif

#ifndef {0}_NO_ARENA
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Alignas({1})
#elif defined(__GNUC__)
__attribute__((aligned({1})))
#else
#error "Define {0}_NO_ARENA and pass an arena that is aligned to {1} bytes"
#endif
uint8_t {2}_arena[{0}_ARENA_BYTES];
#endif
)",
                        capitals_, MemoryPlan::kArenaAlignment, p);
    text += constants_;
    text += layers_;
    const std::string_view unused = layers_.empty() ? "  (void)arena;\n" : "";
    text += fmt::format("\nvoid {}_run(void *arena) {{\n{}{}}}\n", p, unused, run_);
    return text + "\n#undef THIMBLE_LAYER\n#undef THIMBLE_AT\n#undef THIMBLE_TRACE_LAYER\n";
  }

  std::string budget_asserts() const {
    if (!options_.budget) return "";
    return fmt::format(R"(
/* What {3} has. */
#ifndef {0}_RAM_BUDGET_BYTES
#define {0}_RAM_BUDGET_BYTES {1}
#endif
#ifndef {0}_FLASH_BUDGET_BYTES
#define {0}_FLASH_BUDGET_BYTES {2}
#endif
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert({0}_ARENA_BYTES <= {0}_RAM_BUDGET_BYTES, "the arena does not fit the RAM");
_Static_assert({0}_WEIGHTS_BYTES <= {0}_FLASH_BUDGET_BYTES, "the constants do not fit the flash");
#else
typedef char {4}_arena_fits_the_ram[({0}_ARENA_BYTES <= {0}_RAM_BUDGET_BYTES) ? 1 : -1];
typedef char {4}_constants_fit_the_flash[({0}_WEIGHTS_BYTES <= {0}_FLASH_BUDGET_BYTES) ? 1 : -1];
#endif
)",
                       capitals_, options_.budget->ram_bytes, options_.budget->flash_bytes,
                       c_comment(options_.budget->device), program_.prefix);
  }

  const Graph graph_;  ///< its nodes in the order in which they run
  const CWriterOptions& options_;
  GeneratedC program_;
  std::string capitals_;
  std::vector<KernelChoice> choices_;                                       ///< one a node
  std::vector<std::vector<CountedWay>> counted_;                            ///< one a node, or none at all
  std::map<std::pair<TensorId, std::string>, std::string> constant_names_;  ///< a tensor in a layout
  std::set<std::string> headers_;
  // The parts of the source, grown a layer at a time.
  std::string constants_;
  std::string layers_;
  std::string run_;
};

}  // namespace

const GeneratedFile& GeneratedC::file(std::string_view name) const {
  const auto found = std::ranges::find(files, name, &GeneratedFile::name);
  assert(found != files.end());
  return *found;
}

std::string GeneratedC::sha256() const {
  std::string text;
  for (const GeneratedFile& each : files) {
    text += fmt::format("{} {}\n{}", each.name, each.content.size(), each.content);
  }
  return thimble::sha256(std::as_bytes(std::span(text)));
}

std::string accessor_name(std::string_view prefix, std::string_view kind, size_t index, size_t count) {
  return count == 1 ? fmt::format("{}_{}", prefix, kind) : fmt::format("{}_{}_{}", prefix, kind, index);
}

GeneratedC write_c(const Graph& graph, const CWriterOptions& options) {
  return write_c(graph, schedule(graph, options.core), options);
}

GeneratedC write_c(const Graph& graph, const Schedule& schedule, const CWriterOptions& options) {
  return Writer(graph, schedule, options).write();
}

}  // namespace thimble::deploy
