#include "deploy/kernel_overlap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "deploy/operator_cases.h"
#include "graph/kernel_call.h"
#include "graph/quantize_from_ranges.h"

// The portable kernels themselves, compiled once more with elements that record who reads and writes them:
// what a lead must be is what their own order of reading and writing makes it.

namespace thimble::deploy {
namespace {

/// The reads and writes of one call, in order.
class Trace {
 public:
  struct Access {
    bool write;
    const void* element;
  };
  static inline std::vector<Access> accesses;
};

/// An int8_t that records.
struct TracedByte {
  int8_t value = 0;
  TracedByte() = default;
  TracedByte(int number) : value(static_cast<int8_t>(number)) {}  // NOLINT: as int8_t does
  TracedByte(const TracedByte& other) : value(other.value) { Trace::accesses.push_back({false, &other}); }
  TracedByte& operator=(const TracedByte& other) {
    Trace::accesses.push_back({false, &other});
    Trace::accesses.push_back({true, this});
    value = other.value;
    return *this;
  }
  operator int() const {  // NOLINT: as int8_t does
    Trace::accesses.push_back({false, this});
    return value;
  }
};

/// memmove of traced elements: all of them are read before any is written.
void* traced_move(TracedByte* to, const TracedByte* from, size_t count) {
  for (size_t i = 0; i < count; ++i) Trace::accesses.push_back({false, from + i});
  for (size_t i = 0; i < count; ++i) Trace::accesses.push_back({true, to + i});
  return to;
}

namespace traced {
#define int8_t TracedByte
#define memmove traced_move
#include "kernels/generic/add_s8.h"
#include "kernels/generic/average_pool2d_s8.h"
#include "kernels/generic/concat_s8.h"
#include "kernels/generic/conv2d_s8.h"
#include "kernels/generic/depthwise_conv2d_s8.h"
#include "kernels/generic/fully_connected_s8.h"
#include "kernels/generic/max_pool2d_s8.h"
#include "kernels/generic/mean_s8.h"
#include "kernels/generic/mul_s8.h"
#include "kernels/generic/pad_s8.h"
#include "kernels/generic/requantize_s8.h"
#include "kernels/generic/softmax_s8.h"
#include "kernels/generic/strided_copy_s8.h"
#include "kernels/generic/sub_s8.h"
#undef memmove
#undef int8_t
#define int16_t TracedByte
#include "kernels/generic/conv2d_s16.h"
#include "kernels/generic/depthwise_conv2d_s16.h"
#include "kernels/generic/fully_connected_s16.h"
#undef int16_t
}  // namespace traced

using Elements = std::vector<TracedByte>;

/// Calls a node's kernel on traced memory; false for an operator that is not traced here.
bool call_traced(const Graph& graph, const Node& node, const std::vector<Elements>& inputs,
                 Elements& output) {
  const KernelCall call = kernel_call(graph, node);
  const TracedByte* const x = inputs[0].data();
  const TracedByte* const y = inputs.size() > 1 ? inputs[1].data() : nullptr;
  TracedByte* const out = output.data();
  const int32_t* const multipliers = call.multipliers.data();
  const int32_t* const shifts = call.shifts.data();
  return std::visit(
      Overload{
          [&](const thimble_conv2d_parameters& p) {
            traced::thimble_conv2d_generic_s8(&p, x, y, nullptr, multipliers, shifts, out);
            return true;
          },
          [&](const thimble_depthwise_conv2d_parameters& p) {
            traced::thimble_depthwise_conv2d_generic_s8(&p, x, y, nullptr, multipliers, shifts, out);
            return true;
          },
          [&](const thimble_fully_connected_parameters& p) {
            traced::thimble_fully_connected_generic_s8(&p, x, y, nullptr, multipliers, shifts, out);
            return true;
          },
          [&](const thimble_pool2d_parameters& p) {
            if (std::holds_alternative<MaxPool2D>(node.op)) {
              traced::thimble_max_pool2d_generic_s8(&p, x, out);
            } else {
              traced::thimble_average_pool2d_generic_s8(&p, x, out);
            }
            return true;
          },
          [&](const thimble_add_parameters& p) {
            if (std::holds_alternative<Add>(node.op)) {
              traced::thimble_add_generic_s8(&p, x, y, out);
            } else {
              traced::thimble_sub_generic_s8(&p, x, y, out);
            }
            return true;
          },
          [&](const thimble_mul_parameters& p) {
            traced::thimble_mul_generic_s8(&p, x, y, out);
            return true;
          },
          [&](const thimble_mean_parameters& p) {
            traced::thimble_mean_generic_s8(&p, x, out);
            return true;
          },
          [&](const thimble_softmax_parameters& p) {
            traced::thimble_softmax_generic_s8(&p, x, out);
            return true;
          },
          [&](const std::vector<thimble_concat_piece>& pieces) {
            for (size_t i = 0; i < pieces.size(); ++i) {
              traced::thimble_concat_generic_s8(&pieces[i], inputs[i].data(), out);
            }
            return true;
          },
          [&](const thimble_pad_parameters& p) {
            traced::thimble_pad_generic_s8(&p, x, out);
            return true;
          },
          [&](const thimble_strided_copy_parameters& p) {
            traced::thimble_strided_copy_generic_s8(&p, x, out);
            return true;
          },
          [&](const thimble_requantize_parameters& p) {
            traced::thimble_requantize_generic_s8(&p, x, out);
            return graph.tensor(node.inputs[0]).type == DataType::kInt8 &&
                   graph.tensor(node.outputs[0]).type == DataType::kInt8;
          },
          [](const auto&) { return false; },
      },
      call.parameters);
}

std::optional<int64_t> place_in(const Elements& elements, const void* address) {
  const auto* const element = static_cast<const TracedByte*>(address);
  if (std::less<>()(element, elements.data()) || !std::less<>()(element, elements.data() + elements.size())) {
    return std::nullopt;
  }
  return element - elements.data();
}

/// The least lead that the order of reading and writing allows.
int64_t traced_lead(const Elements& input, const Elements& output) {
  int64_t lead = 0;
  int64_t unread = INT64_MAX / 2;
  for (size_t i = Trace::accesses.size(); i-- > 0;) {
    const Trace::Access& access = Trace::accesses[i];
    if (const auto read = place_in(input, access.element); !access.write && read)
      unread = std::min(unread, *read);
    if (const auto written = place_in(output, access.element); access.write && written) {
      lead = std::max(lead, *written + 1 - unread);
    }
  }
  return lead;
}

TEST(KernelOverlap, leads_are_what_the_kernels_order_of_reading_and_writing_allows) {
  std::array<int, test::kOperators> compared{};
  for (size_t op = 0; op < test::kOperators; ++op) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
      Graph graph;
      test::append_case(graph, op, DataType::kInt8, 9, Random(seed).fork(op));
      for (const Node& node : graph.nodes) {
        if (graph.tensor(node.outputs[0]).type != DataType::kInt8) continue;
        std::vector<Elements> inputs;
        for (const TensorId id : node.inputs) inputs.emplace_back(graph.tensor(id).elements());
        Elements output(graph.tensor(node.outputs[0]).elements());
        Trace::accesses.clear();
        if (!call_traced(graph, node, inputs, output)) continue;
        ++compared[op];
        for (const Overlap& overlap : portable_overlaps(graph, node)) {
          const int64_t least = traced_lead(inputs[overlap.input], output);
          const auto lead = static_cast<int64_t>(overlap.lead_bytes);
          // These take some outputs at a time, and read ahead for them; nothing relies on it.
          const bool ahead = std::holds_alternative<Conv2D>(node.op) ||
                             std::holds_alternative<DepthwiseConv2D>(node.op) ||
                             std::holds_alternative<FullyConnected>(node.op);
          EXPECT_GE(lead, least) << name_of(node.op) << " seed " << seed;
          if (!ahead) {
            EXPECT_EQ(lead, least) << name_of(node.op) << " seed " << seed;
          }
        }
      }
    }
  }
  EXPECT_GE(std::ranges::count_if(compared, [](int count) { return count > 20; }), 14);
}

TEST(KernelOverlap, layers_of_int16_read_no_later_than_their_leads_say) {
  size_t compared = 0;
  for (size_t op = 0; op < test::kOperators; ++op) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
      Graph graph;
      test::append_case(graph, op, DataType::kInt16, 9, Random(seed).fork(op));
      for (const Node& node : graph.nodes) {
        if (!has_weights(node.op) || graph.tensor(node.outputs[0]).type != DataType::kInt16) continue;
        const Elements input(graph.tensor(node.inputs[0]).elements());
        const std::vector<int8_t> weights(graph.tensor(node.inputs[1]).elements());
        Elements output(graph.tensor(node.outputs[0]).elements());
        const KernelCall call = kernel_call(graph, node);
        const TracedByte* const x = input.data();
        const int32_t* const multipliers = call.multipliers.data();
        const int32_t* const shifts = call.shifts.data();
        TracedByte* const out = output.data();
        Trace::accesses.clear();
        std::visit(Overload{[&](const thimble_conv2d_parameters& p) {
                              traced::thimble_conv2d_generic_s16(&p, x, weights.data(), nullptr, multipliers,
                                                                 shifts, out);
                            },
                            [&](const thimble_depthwise_conv2d_parameters& p) {
                              traced::thimble_depthwise_conv2d_generic_s16(&p, x, weights.data(), nullptr,
                                                                           multipliers, shifts, out);
                            },
                            [&](const thimble_fully_connected_parameters& p) {
                              traced::thimble_fully_connected_generic_s16(&p, x, weights.data(), nullptr,
                                                                          multipliers, shifts, out);
                            },
                            [](const auto&) {}},
                   call.parameters);
        ASSERT_FALSE(Trace::accesses.empty());
        for (const Overlap& overlap : portable_overlaps(graph, node)) {
          ++compared;
          const auto least = static_cast<int64_t>(sizeof(int16_t)) * traced_lead(input, output);
          EXPECT_GE(static_cast<int64_t>(overlap.lead_bytes), least) << name_of(node.op) << " seed " << seed;
        }
      }
    }
  }
  EXPECT_GT(compared, 60U);
}

/// A kernel that reads and writes as it is told, with a window of its own in the test.
int64_t naive_lead(const SlidingWindow& w, Reads reads, WindowBlock block) {
  struct Access {
    bool write;
    int64_t byte;
  };
  std::vector<Access> accesses;
  const auto input_bytes = static_cast<int64_t>(w.input_pixel_bytes);
  const auto output_bytes = static_cast<int64_t>(w.output_pixel_bytes);
  const auto read_pixel = [&](int32_t row, int32_t column) {
    for (int64_t b = 0; b < input_bytes; ++b) {
      accesses.push_back({false, (int64_t{row} * w.input_w + column) * input_bytes + b});
    }
  };
  std::vector<bool> kept(static_cast<size_t>(w.input_h), false);
  const auto read_window = [&](int32_t y, int32_t x) {
    for (int32_t i = 0; i < w.kernel_h; ++i) {
      const int32_t row = y * w.stride_h - w.pad_top + i * w.dilation_h;
      if (row < 0 || row >= w.input_h) continue;
      if (reads == Reads::kRowsOnce) {
        for (int32_t column = 0; !kept[static_cast<size_t>(row)] && column < w.input_w; ++column) {
          read_pixel(row, column);
        }
        kept[static_cast<size_t>(row)] = true;
        continue;
      }
      for (int32_t j = 0; j < w.kernel_w; ++j) {
        const int32_t column = x * w.stride_w - w.pad_left + j * w.dilation_w;
        if (column >= 0 && column < w.input_w) read_pixel(row, column);
      }
    }
  };
  if (reads == Reads::kRowsOnce) block = {};
  const int32_t width = block.pixels > 0 ? block.pixels : w.output_w;
  for (int32_t y_begin = 0; y_begin < w.output_h; y_begin += block.rows) {
    for (int32_t x_begin = 0; x_begin < w.output_w; x_begin += width) {
      const auto each = [&](auto&& use) {
        for (int32_t y = y_begin; y < std::min(y_begin + block.rows, w.output_h); ++y) {
          for (int32_t x = x_begin; x < std::min(x_begin + width, w.output_w); ++x) use(y, x);
        }
      };
      each(read_window);
      each([&](int32_t y, int32_t x) {
        for (int64_t b = 0; b < output_bytes; ++b) {
          accesses.push_back({true, (int64_t{y} * w.output_w + x) * output_bytes + b});
        }
      });
      if (reads == Reads::kThroughout) each(read_window);
    }
  }
  int64_t lead = 0;
  int64_t unread = INT64_MAX / 2;
  for (size_t i = accesses.size(); i-- > 0;) {
    if (accesses[i].write) {
      lead = std::max(lead, accesses[i].byte + 1 - unread);
    } else {
      unread = std::min(unread, accesses[i].byte);
    }
  }
  return lead;
}

TEST(KernelOverlap, leads_of_windows_by_blocks_and_by_rows_are_those_of_a_naive_walk) {
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    SlidingWindow w;
    w.input_h = random.between(1, 8);
    w.input_w = random.between(1, 8);
    w.kernel_h = random.between(1, 3);
    w.kernel_w = random.between(1, 3);
    w.stride_h = random.between(1, 2);
    w.stride_w = random.between(1, 3);
    w.dilation_h = random.between(1, 2);
    w.dilation_w = random.between(1, 2);
    w.pad_top = random.between(0, (w.kernel_h - 1) * w.dilation_h);
    w.pad_left = random.between(0, (w.kernel_w - 1) * w.dilation_w);
    w.output_h = (w.input_h + 2 * w.pad_top) / w.stride_h + 1;
    w.output_w = (w.input_w + 2 * w.pad_left) / w.stride_w + 1;
    w.input_pixel_bytes = static_cast<size_t>(random.between(1, 5));
    w.output_pixel_bytes = static_cast<size_t>(random.between(1, 5));
    for (const Reads reads : {Reads::kBeforeWriting, Reads::kThroughout, Reads::kRowsOnce}) {
      const WindowBlock block = random.below(2) == 0 ? WindowBlock{.rows = random.between(1, 3)}
                                                     : WindowBlock{.pixels = random.between(1, 4)};
      EXPECT_EQ(static_cast<int64_t>(window_lead(w, reads, block)), naive_lead(w, reads, block)) << round;
    }
  }
}

TEST(KernelOverlap, a_pointwise_layer_that_reads_its_pixel_first_runs_in_place) {
  const thimble_conv2d_parameters narrowing = {.input_h = 5,
                                               .input_w = 5,
                                               .input_c = 64,
                                               .output_h = 5,
                                               .output_w = 5,
                                               .output_c = 48,
                                               .kernel_h = 1,
                                               .kernel_w = 1,
                                               .stride_h = 1,
                                               .stride_w = 1,
                                               .dilation_h = 1,
                                               .dilation_w = 1,
                                               .pad_top = 0,
                                               .pad_left = 0,
                                               .groups = 1,
                                               .input_offset = 0,
                                               .output_offset = 0,
                                               .output_min = 0,
                                               .output_max = 0,
                                               .float_min = 0,
                                               .float_max = 0};
  EXPECT_EQ(window_lead(sliding_window(narrowing, 1), Reads::kBeforeWriting, {.pixels = 1}), 0U);
  EXPECT_EQ(window_lead(sliding_window(narrowing, 1), Reads::kByElement), 47U);
}

}  // namespace
}  // namespace thimble::deploy
