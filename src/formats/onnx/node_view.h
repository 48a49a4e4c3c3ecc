#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace thimble::onnx {

/// The file contradicts itself or the ONNX specification, as against what is sound but not supported.
class DamagedNode : public Error {
 public:
  using Error::Error;
};

/// A node of a file, read with care: every attribute is checked for its type and range when it is asked for.
class NodeView {
 public:
  /// `index` names a node that has no name: "Conv_12".
  NodeView(const ::onnx::NodeProto& node, int index);

  const std::string& name() const { return name_; }
  const std::string& type() const { return node_.op_type(); }
  const std::string& doc() const { return node_.doc_string(); }

  size_t inputs() const { return static_cast<size_t>(node_.input_size()); }
  /// Whether the optional input is there (ONNX leaves one out with an empty name).
  bool has_input(size_t i) const { return i < inputs() && !node_.input(static_cast<int>(i)).empty(); }
  const std::string& input(size_t i) const;
  const std::string& output() const;
  size_t outputs() const { return static_cast<size_t>(node_.output_size()); }
  const std::string& output(size_t i) const { return node_.output(static_cast<int>(i)); }

  bool has(std::string_view attribute) const { return find(attribute) != nullptr; }
  int64_t integer(std::string_view attribute, int64_t fallback) const;
  float real(std::string_view attribute, float fallback) const;
  std::string text(std::string_view attribute, std::string_view fallback) const;
  std::vector<int64_t> integers(std::string_view attribute) const;  ///< empty when it is not there
  /// An attribute of exactly `count` numbers in [low, 2^15]; `fallback` for each when it is not there.
  std::vector<int32_t> extents(std::string_view attribute, size_t count, int32_t low, int32_t fallback) const;
  const ::onnx::AttributeProto* find(std::string_view attribute) const;

  /// An axis as ONNX counts it, negative from the end, as an index below `rank`.
  size_t axis(int64_t axis, size_t rank) const;

  /// Throws Error: "Conv 'features.0': REASON. REMEDY".
  [[noreturn]] void fail(std::string_view reason, std::string_view remedy) const;
  [[noreturn]] void fail_damaged(std::string_view reason) const;

 private:
  const ::onnx::NodeProto& node_;
  std::string name_;
};

}  // namespace thimble::onnx
