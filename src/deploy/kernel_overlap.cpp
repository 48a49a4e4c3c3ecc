#include "deploy/kernel_overlap.h"

#include <algorithm>
#include <optional>
#include <span>

#include "base/error.h"
#include "graph/kernel_call.h"
#include "kernels/generic/window.h"

namespace thimble::deploy {
namespace {

/// Collects what is written while something behind it is still to be read.
class Lead {
 public:
  /// Bytes up to `written` of the output are written while the input from `unread` on is still needed.
  void write(int64_t written, int64_t unread) { lead_ = std::max(lead_, written - unread); }
  size_t bytes() const { return static_cast<size_t>(lead_); }

 private:
  int64_t lead_ = 0;
};

/// Element n of the output is written after element `read(n)` of the input was read.
template <typename Read>
size_t walk_lead(int64_t count, int64_t written_bytes, int64_t read_bytes, const Read& read) {
  Lead lead;
  int64_t unread = INT64_MAX;
  for (int64_t n = count - 1; n > 0; --n) {
    unread = std::min(unread, read(n) * read_bytes);
    lead.write(n * written_bytes, unread);
  }
  return lead.bytes();
}

/// The element at which each step of a walk reads: extents and strides from the outermost axis.
template <size_t kAxes>
int64_t element_at(int64_t step, const int32_t (&extent)[kAxes], const int32_t (&stride)[kAxes]) {
  int64_t element = 0;
  for (size_t axis = kAxes; axis-- > 0;) {
    element += step % extent[axis] * stride[axis];
    step /= extent[axis];
  }
  return element;
}

template <size_t kAxes>
int64_t steps(const int32_t (&extent)[kAxes]) {
  int64_t count = 1;
  for (const int32_t e : extent) count *= e;
  return count;
}

size_t pad_lead(const thimble_pad_parameters& p, int64_t element_bytes) {
  Lead lead;
  const int64_t total = int64_t{p.input[0]} * p.input[1] * p.input[2] * p.input[3];
  int64_t written = 0;
  int64_t read = 0;
  for (int32_t i = -p.before[0]; i < p.input[0] + p.after[0]; ++i) {
    for (int32_t j = -p.before[1]; j < p.input[1] + p.after[1]; ++j) {
      for (int32_t k = -p.before[2]; k < p.input[2] + p.after[2]; ++k) {
        const bool inside = i >= 0 && i < p.input[0] && j >= 0 && j < p.input[1] && k >= 0 && k < p.input[2];
        for (int32_t l = -p.before[3]; l < p.input[3] + p.after[3]; ++l) {
          if (inside && l >= 0 && l < p.input[3]) ++read;
          ++written;
          if (read < total) lead.write(written * element_bytes, read * element_bytes);
        }
      }
    }
  }
  return lead.bytes();
}

/// The pieces before one are written as a whole while it is still to be read.
size_t concat_lead(std::span<const thimble_concat_piece> pieces, size_t index, int64_t element_bytes) {
  const thimble_concat_piece& piece = pieces[index];
  Lead lead;
  if (index > 0) {
    lead.write((int64_t{piece.rows - 1} * piece.output_run + piece.output_start) * element_bytes, 0);
  }
  for (int64_t row = 1; row < piece.rows; ++row) {
    lead.write(((row - 1) * piece.output_run + piece.output_start + piece.input_run) * element_bytes,
               row * piece.input_run * element_bytes);
  }
  return lead.bytes();
}

template <typename Parameters>
SlidingWindow extents(const Parameters& p) {
  return {.input_h = p.input_h,
          .input_w = p.input_w,
          .output_h = p.output_h,
          .output_w = p.output_w,
          .kernel_h = p.kernel_h,
          .kernel_w = p.kernel_w,
          .stride_h = p.stride_h,
          .stride_w = p.stride_w,
          .pad_top = p.pad_top,
          .pad_left = p.pad_left};
}

void set_channels(SlidingWindow& w, int32_t input_c, int32_t output_c, int32_t groups, size_t element_bytes) {
  const auto bytes = [&](int32_t elements) { return static_cast<size_t>(elements) * element_bytes; };
  w.input_pixel_bytes = bytes(input_c);
  w.output_pixel_bytes = bytes(output_c);
  w.group_input_bytes = bytes(input_c / groups);
  w.group_output_bytes = bytes(output_c / groups);
  w.element_bytes = element_bytes;
}

thimble_window rows_of(const SlidingWindow& w, int32_t y) {
  return thimble_window_at(y, w.stride_h, w.pad_top, w.dilation_h, w.kernel_h, w.input_h);
}

/// The first pixel of the input that a window reads; none if all of it is padding.
int64_t first_pixel(const SlidingWindow& w, int32_t y, int32_t x) {
  const thimble_window rows = rows_of(w, y);
  const thimble_window columns =
      thimble_window_at(x, w.stride_w, w.pad_left, w.dilation_w, w.kernel_w, w.input_w);
  if (rows.begin == rows.end || columns.begin == columns.end) return INT64_MAX;
  return (rows.start + int64_t{rows.begin} * w.dilation_h) * w.input_w + columns.start +
         int64_t{columns.begin} * w.dilation_w;
}

/// How far the output, written element by element, gets ahead of what the rest of its pixel still reads: both
/// from the first byte of the pixel and of its window. Nothing for a pixel of one element.
std::optional<int64_t> ahead_within_pixel(const SlidingWindow& w) {
  std::optional<int64_t> ahead;
  for (size_t written = w.element_bytes; written < w.output_pixel_bytes; written += w.element_bytes) {
    const size_t read = written / w.group_output_bytes * w.group_input_bytes;
    const int64_t distance = static_cast<int64_t>(written) - static_cast<int64_t>(read);
    ahead = std::max(ahead.value_or(distance), distance);
  }
  return ahead;
}

size_t rows_once_lead(const SlidingWindow& w) {
  std::vector<int32_t> reader(static_cast<size_t>(w.input_h), -1);  // the first row of windows that reads it
  for (int32_t y = w.output_h; y-- > 0;) {
    const thimble_window rows = rows_of(w, y);
    for (int32_t tap = rows.begin; tap < rows.end; ++tap) {
      reader[static_cast<size_t>(rows.start + tap * w.dilation_h)] = y;
    }
  }
  Lead lead;
  for (int32_t row = 0; row < w.input_h; ++row) {
    // Everything above the windows that read it is written by then.
    lead.write(int64_t{std::max(reader[static_cast<size_t>(row)], 0)} * w.output_w *
                   static_cast<int64_t>(w.output_pixel_bytes),
               int64_t{row} * w.input_w * static_cast<int64_t>(w.input_pixel_bytes));
  }
  return lead.bytes();
}

}  // namespace

SlidingWindow sliding_window(const thimble_conv2d_parameters& p, size_t element_bytes) {
  SlidingWindow w = extents(p);
  w.dilation_h = p.dilation_h;
  w.dilation_w = p.dilation_w;
  set_channels(w, p.input_c, p.output_c, p.groups, element_bytes);
  return w;
}

SlidingWindow sliding_window(const thimble_depthwise_conv2d_parameters& p, size_t element_bytes) {
  SlidingWindow w = extents(p);
  w.dilation_h = p.dilation_h;
  w.dilation_w = p.dilation_w;
  set_channels(w, p.input_c, p.input_c * p.multiplier, p.input_c, element_bytes);
  return w;
}

SlidingWindow sliding_window(const thimble_pool2d_parameters& p, size_t element_bytes) {
  SlidingWindow w = extents(p);
  set_channels(w, p.channels, p.channels, p.channels, element_bytes);
  return w;
}

SlidingWindow sliding_window(const thimble_fully_connected_parameters& p, size_t element_bytes) {
  SlidingWindow w;
  w.input_w = w.output_w = p.rows;
  set_channels(w, p.input_n, p.output_n, 1, element_bytes);
  return w;
}

size_t window_lead(const SlidingWindow& w, Reads reads, WindowBlock block) {
  if (reads == Reads::kRowsOnce) return rows_once_lead(w);
  if (reads == Reads::kByElement) block = {.rows = 1, .pixels = 1};
  const auto input_pixel = static_cast<int64_t>(w.input_pixel_bytes);
  const auto output_pixel = static_cast<int64_t>(w.output_pixel_bytes);
  const std::optional<int64_t> ahead = reads == Reads::kByElement ? ahead_within_pixel(w) : std::nullopt;
  const int32_t width = block.pixels > 0 ? block.pixels : w.output_w;

  Lead lead;
  // From the last block to the first: the first byte of the input that the blocks behind still need.
  int64_t unread = INT64_MAX;
  for (int32_t y_end = w.output_h; y_end > 0;) {
    const int32_t y_begin = (y_end - 1) / block.rows * block.rows;
    for (int32_t x_end = w.output_w; x_end > 0;) {
      const int32_t x_begin = (x_end - 1) / width * width;
      const int64_t written = (int64_t{y_end - 1} * w.output_w + x_end) * output_pixel;
      int64_t first = INT64_MAX;
      for (int32_t y = y_begin; y < y_end; ++y) {
        for (int32_t x = x_begin; x < x_end; ++x) first = std::min(first, first_pixel(w, y, x));
      }
      lead.write(written, unread);
      if (first != INT64_MAX) {
        first *= input_pixel;
        if (ahead) lead.write(written - output_pixel + *ahead, first);
        if (reads == Reads::kThroughout) lead.write(written, first);
        unread = std::min(unread, first);
      }
      x_end = x_begin;
    }
    y_end = y_begin;
  }
  return lead.bytes();
}

std::vector<Overlap> portable_overlaps(const Graph& graph, const Node& node) {
  KernelCall call;
  try {
    call = kernel_call(graph, node);
  } catch (const Error&) {
    return {};  // whoever writes the kernel's call reports it
  }
  const auto element_bytes = [&](TensorId id) {
    return static_cast<int64_t>(byte_size(graph.tensor(id).type, 1));
  };
  const int64_t read_bytes = element_bytes(node.inputs[0]);
  const int64_t written_bytes = element_bytes(node.outputs[0]);
  const auto window = [&](const auto& p) -> std::vector<Overlap> {
    return {{0, window_lead(sliding_window(p, static_cast<size_t>(written_bytes)), Reads::kByElement)}};
  };
  const auto broadcast = [&](const thimble_broadcast& shape) -> std::vector<Overlap> {
    const auto lead = [&](const int32_t(&stride)[4]) {
      return walk_lead(steps(shape.extent), written_bytes, read_bytes,
                       [&](int64_t step) { return element_at(step, shape.extent, stride); });
    };
    return {{0, lead(shape.stride_a)}, {1, lead(shape.stride_b)}};
  };
  const auto in_order = [&](int64_t elements) -> std::vector<Overlap> {
    return {{0, walk_lead(elements, written_bytes, read_bytes, [](int64_t step) { return step; })}};
  };
  // C takes a float and an int16 for different places; a byte may be any.
  const auto converts = [&](int64_t elements) {
    return std::min(read_bytes, written_bytes) == 1 ? in_order(elements) : std::vector<Overlap>{};
  };
  return std::visit(
      Overload{
          [&](const thimble_conv2d_parameters& p) {
            if (graph.tensor(node.outputs[0]).type == DataType::kInt16) return window(p);
            // Walks over the whole image for every few channels, so only a single such walk may overlap. The
            // float32 kernel takes four channels at a time everywhere, the int8 one a single channel on some
            // cores.
            const bool is_float = written_bytes == sizeof(float);
            const bool one_walk = p.output_c == 1 || (is_float && p.output_c == 4 && p.groups == 1);
            if (!one_walk) return std::vector<Overlap>{};
            const SlidingWindow w = sliding_window(p, static_cast<size_t>(written_bytes));
            return std::vector<Overlap>{{0, window_lead(w, Reads::kBeforeWriting, {.pixels = 1})}};
          },
          [&](const thimble_depthwise_conv2d_parameters& p) { return window(p); },
          [&](const thimble_pool2d_parameters& p) { return window(p); },
          [&](const thimble_fully_connected_parameters& p) { return window(p); },
          [&](const thimble_add_parameters& p) { return broadcast(p.shape); },
          [&](const thimble_mul_parameters& p) { return broadcast(p.shape); },
          [&](const thimble_select_parameters& p) { return broadcast(p.shape); },
          // A column is read before its mean is written, and begins no earlier than the mean lies.
          [&](const thimble_mean_parameters&) {
            return std::vector<Overlap>{{0, 0}};
          },
          [&](const thimble_softmax_parameters& p) { return in_order(int64_t{p.rows} * p.depth); },
          [&](const thimble_copy_parameters& p) { return in_order(p.elements); },
          [&](const std::vector<thimble_concat_piece>& pieces) {
            std::vector<Overlap> overlaps;
            for (size_t i = 0; i < pieces.size(); ++i) {
              overlaps.push_back({i, concat_lead(pieces, i, written_bytes)});
            }
            return overlaps;
          },
          [&](const thimble_pad_parameters& p) {
            return std::vector<Overlap>{{0, pad_lead(p, written_bytes)}};
          },
          [&](const thimble_strided_copy_parameters& p) {
            return std::vector<Overlap>{
                {0, walk_lead(steps(p.extent), written_bytes, read_bytes,
                              [&](int64_t step) { return p.start + element_at(step, p.extent, p.stride); })}};
          },
          [&](const thimble_requantize_parameters& p) { return in_order(p.elements); },
          [&](const thimble_quantize_parameters& p) { return converts(p.elements); },
          [&](const thimble_dequantize_parameters& p) { return converts(p.elements); },
          // Works channel by channel: portable_in_place.
          [&](const thimble_batch_norm_parameters&) { return std::vector<Overlap>{}; },
          [&](const thimble_relu_parameters& p) { return in_order(p.elements); },
          [&](const thimble_leaky_relu_parameters& p) { return in_order(p.elements); },
          [&](const thimble_elementwise_parameters& p) { return in_order(p.elements); },
          [&](const thimble_sigmoid_parameters& p) { return in_order(p.elements); },
      },
      call.parameters);
}

std::optional<size_t> portable_in_place(const Node& node) {
  return std::holds_alternative<BatchNorm>(node.op) ? std::optional<size_t>(0) : std::nullopt;
}

std::vector<NodeMemory> portable_memory(const Graph& graph) {
  std::vector<NodeMemory> memory(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    memory[i].overlaps = portable_overlaps(graph, graph.nodes[i]);
    memory[i].in_place = portable_in_place(graph.nodes[i]);
  }
  return memory;
}

}  // namespace thimble::deploy
