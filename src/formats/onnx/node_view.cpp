#include "formats/onnx/node_view.h"

#include <fmt/format.h>

namespace thimble::onnx {
namespace {

constexpr int64_t kLargestExtent = 1 << 15;

}  // namespace

NodeView::NodeView(const ::onnx::NodeProto& node, int index)
    : node_(node), name_(node.name().empty() ? fmt::format("{}_{}", node.op_type(), index) : node.name()) {}

const std::string& NodeView::input(size_t i) const {
  if (!has_input(i)) fail_damaged(fmt::format("lacks its input {}", i));
  return node_.input(static_cast<int>(i));
}

const std::string& NodeView::output() const {
  if (node_.output_size() == 0 || node_.output(0).empty()) fail_damaged("has no output");
  return node_.output(0);
}

const ::onnx::AttributeProto* NodeView::find(std::string_view attribute) const {
  for (const auto& candidate : node_.attribute()) {
    if (candidate.name() == attribute) return &candidate;
  }
  return nullptr;
}

int64_t NodeView::integer(std::string_view attribute, int64_t fallback) const {
  const auto* found = find(attribute);
  return found != nullptr && found->has_i() ? found->i() : fallback;
}

float NodeView::real(std::string_view attribute, float fallback) const {
  const auto* found = find(attribute);
  return found != nullptr && found->has_f() ? found->f() : fallback;
}

std::string NodeView::text(std::string_view attribute, std::string_view fallback) const {
  const auto* found = find(attribute);
  return found != nullptr && found->has_s() ? found->s() : std::string(fallback);
}

std::vector<int64_t> NodeView::integers(std::string_view attribute) const {
  const auto* found = find(attribute);
  if (found == nullptr) return {};
  return {found->ints().begin(), found->ints().end()};
}

std::vector<int32_t> NodeView::extents(std::string_view attribute, size_t count, int32_t low,
                                       int32_t fallback) const {
  if (!has(attribute)) return std::vector<int32_t>(count, fallback);
  std::vector<int32_t> result;
  for (const int64_t value : integers(attribute)) {
    if (value < low || value > kLargestExtent) fail_damaged(fmt::format("has {} = {}", attribute, value));
    result.push_back(static_cast<int32_t>(value));
  }
  if (result.size() != count) {
    fail_damaged(fmt::format("has {} numbers in {}, needs {}", result.size(), attribute, count));
  }
  return result;
}

size_t NodeView::axis(int64_t axis, size_t rank) const {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) fail_damaged(fmt::format("has axis {} of {}", axis, rank));
  return static_cast<size_t>(axis < 0 ? axis + signed_rank : axis);
}

void NodeView::fail(std::string_view reason, std::string_view remedy) const {
  throw Error(fmt::format("{} '{}'", type(), name_), reason, remedy);
}

void NodeView::fail_damaged(std::string_view reason) const {
  throw DamagedNode(fmt::format("{} '{}'", type(), name_), reason,
                    "The file is damaged or breaks the ONNX specification; export the model again");
}

}  // namespace thimble::onnx
