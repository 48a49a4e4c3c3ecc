#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "deploy/memory_plan.h"
#include "kernels/generic/parameters.h"

namespace thimble::deploy {

// How far a kernel's output may lie over its input follows from the order in which it reads and writes. The
// output may begin `lead` bytes before the input or earlier: the least number such that no byte is written
// that is still to be read. A lead of 0 is in place.

/// A window that slides over rows of pixels; a kernel writes its output pixels in order.
struct SlidingWindow {
  int32_t input_h = 1, input_w = 1;
  int32_t output_h = 1, output_w = 1;
  int32_t kernel_h = 1, kernel_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t pad_top = 0, pad_left = 0;
  size_t input_pixel_bytes = 0, output_pixel_bytes = 0;
  /// Within one pixel: `group_output_bytes` are written, one element after another, from each
  /// `group_input_bytes` of the window's pixels before the next group is looked at.
  size_t group_input_bytes = 0, group_output_bytes = 0;
  size_t element_bytes = 1;
};

SlidingWindow sliding_window(const thimble_conv2d_parameters& p, size_t element_bytes);
SlidingWindow sliding_window(const thimble_depthwise_conv2d_parameters& p, size_t element_bytes);
SlidingWindow sliding_window(const thimble_pool2d_parameters& p, size_t element_bytes);
/// A dense layer: a pixel a row.
SlidingWindow sliding_window(const thimble_fully_connected_parameters& p, size_t element_bytes);

/// What a kernel has read when it writes.
enum class Reads : uint8_t {
  kByElement,      ///< each output element needs its group of the window anew, as the portable kernels do
  kBeforeWriting,  ///< the windows of a block of pixels are read before any pixel of the block is written
  kThroughout,     ///< the windows of a block of pixels may be read as long as the block is written
  kRowsOnce,  ///< a row of the input is read once, when the first row of windows needs it (and then kept)
};

/// How many windows kBeforeWriting and kThroughout take at a time: whole rows, or pixels of a row (fewer at
/// its end).
struct WindowBlock {
  int32_t rows = 1;
  int32_t pixels = 0;  ///< 0: all of the rows'
};

/// The lead of a kernel with a sliding window. A block means nothing for the other ways of reading.
size_t window_lead(const SlidingWindow& window, Reads reads, WindowBlock block = {});

/// Where the portable kernel of a node may lay its output over which inputs; nothing where no kernel computes
/// the node.
std::vector<Overlap> portable_overlaps(const Graph& graph, const Node& node);

/// The input whose place the output of a node's portable kernel may take (NodeMemory::in_place).
std::optional<size_t> portable_in_place(const Node& node);

/// Both for all nodes, without scratch.
std::vector<NodeMemory> portable_memory(const Graph& graph);

}  // namespace thimble::deploy
