#include "train/hints.h"

#include <fmt/format.h>

#include "base/error.h"

namespace thimble::train {
namespace {

TensorId output_of(const Graph& graph, const std::string& layer, std::string_view role) {
  for (const Node& node : graph.nodes) {
    if (node.name == layer) return node.outputs[0];
  }
  throw Error(fmt::format("The {} '{}'", role, graph.name), fmt::format("has no layer '{}'", layer),
              "Name a layer as `thimble profile --per-layer` lists it");
}

}  // namespace

HintTensors hint_tensors(const LayerHint& hint, const Graph& student, const Graph& teacher) {
  const HintTensors tensors = {output_of(student, hint.student, "student"),
                               output_of(teacher, hint.teacher, "teacher")};
  const Shape& ours = student.tensor(tensors.student).shape;
  const Shape& theirs = teacher.tensor(tensors.teacher).shape;
  const auto without_channels = [](Shape shape) {
    shape.pop_back();
    return shape;
  };
  if (without_channels(ours) != without_channels(theirs)) {
    throw Error(fmt::format("The hint '{}={}'", hint.student, hint.teacher),
                fmt::format("would compare {} with {}", to_string(ours), to_string(theirs)),
                "Choose layers whose outputs differ in their channels alone");
  }
  return tensors;
}

}  // namespace thimble::train
