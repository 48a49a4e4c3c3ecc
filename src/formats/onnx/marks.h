#pragma once

#include <string_view>

namespace thimble::onnx {

/// What the writer notes in its files so that the reader gives back the very graph it wrote. Files of other
/// programs have none of it and lose nothing.

/// A node's doc_string: the node was fused into its neighbour (an activation, a Softmax's beta, the
/// Transpose that brings a result to the file's layout).
inline constexpr std::string_view kFusedMark = "fused";

/// Prefix of the metadata keys that say a tensor's type and range of bits where ONNX has no type for them:
/// the rest of the key is the tensor's name, the value "int4 4".
inline constexpr std::string_view kWidthKey = "thimble.width:";

}  // namespace thimble::onnx
