#include "deploy/c_parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cassert>
#include <initializer_list>
#include <span>
#include <string_view>

#include "deploy/c_text.h"

namespace thimble::deploy {
namespace {

/// One field of a parameter struct: its name, its C text, its size.
struct Field {
  Field(std::string_view name_, int32_t value)
      : name(name_), text(c_int32(value)), zero(value == 0), bytes(sizeof value) {}
  Field(std::string_view name_, float value)
      : name(name_), text(c_float(value)), zero(value == 0), bytes(sizeof value) {}
  Field(std::string_view name_, std::span<const int32_t, 4> values)
      : name(name_),
        text(fmt::format("{{{}, {}, {}, {}}}", c_int32(values[0]), c_int32(values[1]), c_int32(values[2]),
                         c_int32(values[3]))),
        bytes(values.size_bytes()) {}
  Field(std::string_view name_, std::span<const int32_t, 6> values)
      : name(name_), text(fmt::format("{{{}}}", fmt::join(values, ", "))), bytes(values.size_bytes()) {}
  Field(std::string_view name_, const thimble_broadcast& s)
      : name(name_),
        text(fmt::format("{{{{{}}}, {{{}}}, {{{}}}}}", fmt::join(s.extent, ", "), fmt::join(s.stride_a, ", "),
                         fmt::join(s.stride_b, ", "))),
        bytes(sizeof s) {}

  std::string_view name;
  std::string text;
  bool zero = false;
  size_t bytes;
};

template <typename Parameters>
std::vector<CParameters> print(std::string_view type, const Parameters&,
                               std::initializer_list<Field> fields) {
  CParameters result{std::string(type), {}};
  size_t bytes = 0;
  for (const Field& field : fields) {
    bytes += field.bytes;
    if (!field.zero) result.fields.push_back(fmt::format(".{} = {}", field.name, field.text));
  }
  // A field added to a kernel and forgotten here would silently be 0 in the generated C.
  assert(bytes == sizeof(Parameters));
  (void)bytes;
  return {result};
}

}  // namespace

#define FIELD(name) Field(#name, p.name)

std::vector<CParameters> c_parameters(const KernelCall::Parameters& parameters) {
  return std::visit(
      Overload{
          [](const thimble_conv2d_parameters& p) {
            return print("thimble_conv2d_parameters", p,
                         {FIELD(input_h),       FIELD(input_w),    FIELD(input_c),    FIELD(output_h),
                          FIELD(output_w),      FIELD(output_c),   FIELD(kernel_h),   FIELD(kernel_w),
                          FIELD(stride_h),      FIELD(stride_w),   FIELD(dilation_h), FIELD(dilation_w),
                          FIELD(pad_top),       FIELD(pad_left),   FIELD(groups),     FIELD(input_offset),
                          FIELD(output_offset), FIELD(output_min), FIELD(output_max), FIELD(float_min),
                          FIELD(float_max)});
          },
          [](const thimble_depthwise_conv2d_parameters& p) {
            return print("thimble_depthwise_conv2d_parameters", p,
                         {FIELD(input_h),    FIELD(input_w),    FIELD(input_c),      FIELD(output_h),
                          FIELD(output_w),   FIELD(multiplier), FIELD(kernel_h),     FIELD(kernel_w),
                          FIELD(stride_h),   FIELD(stride_w),   FIELD(dilation_h),   FIELD(dilation_w),
                          FIELD(pad_top),    FIELD(pad_left),   FIELD(input_offset), FIELD(output_offset),
                          FIELD(output_min), FIELD(output_max), FIELD(float_min),    FIELD(float_max)});
          },
          [](const thimble_fully_connected_parameters& p) {
            return print(
                "thimble_fully_connected_parameters", p,
                {FIELD(rows), FIELD(input_n), FIELD(output_n), FIELD(input_offset), FIELD(output_offset),
                 FIELD(output_min), FIELD(output_max), FIELD(float_min), FIELD(float_max)});
          },
          [](const thimble_add_parameters& p) {
            return print("thimble_add_parameters", p,
                         {FIELD(shape), FIELD(offset_a), FIELD(offset_b), FIELD(output_offset),
                          FIELD(left_shift), FIELD(multiplier_a), FIELD(shift_a), FIELD(multiplier_b),
                          FIELD(shift_b), FIELD(multiplier_output), FIELD(shift_output), FIELD(output_min),
                          FIELD(output_max), FIELD(float_min), FIELD(float_max)});
          },
          [](const thimble_mul_parameters& p) {
            return print("thimble_mul_parameters", p,
                         {FIELD(shape), FIELD(offset_a), FIELD(offset_b), FIELD(output_offset),
                          FIELD(multiplier_output), FIELD(shift_output), FIELD(output_min), FIELD(output_max),
                          FIELD(float_min), FIELD(float_max)});
          },
          [](const thimble_pool2d_parameters& p) {
            return print(
                "thimble_pool2d_parameters", p,
                {FIELD(input_h), FIELD(input_w), FIELD(channels), FIELD(output_h), FIELD(output_w),
                 FIELD(kernel_h), FIELD(kernel_w), FIELD(stride_h), FIELD(stride_w), FIELD(pad_top),
                 FIELD(pad_left), FIELD(output_min), FIELD(output_max), FIELD(float_min), FIELD(float_max)});
          },
          [](const thimble_mean_parameters& p) {
            return print("thimble_mean_parameters", p,
                         {FIELD(outer), FIELD(reduced), FIELD(inner), FIELD(same_quantization),
                          FIELD(input_offset), FIELD(output_offset), FIELD(multiplier), FIELD(shift)});
          },
          [](const thimble_softmax_parameters& p) {
            return print("thimble_softmax_parameters", p,
                         {FIELD(rows), FIELD(depth), FIELD(input_multiplier), FIELD(input_left_shift),
                          FIELD(diff_min), FIELD(beta)});
          },
          [](const thimble_copy_parameters& p) {
            return print("thimble_copy_parameters", p, {FIELD(elements)});
          },
          [](const std::vector<thimble_concat_piece>& pieces) {
            std::vector<CParameters> calls;
            for (const thimble_concat_piece& p : pieces) {
              calls.push_back(
                  print("thimble_concat_piece", p,
                        {FIELD(rows), FIELD(input_run), FIELD(output_run), FIELD(output_start)})[0]);
            }
            return calls;
          },
          [](const thimble_pad_parameters& p) {
            return print("thimble_pad_parameters", p,
                         {FIELD(input), FIELD(before), FIELD(after), FIELD(value), FIELD(float_value)});
          },
          [](const thimble_requantize_parameters& p) {
            return print("thimble_requantize_parameters", p,
                         {FIELD(elements), FIELD(input_offset), FIELD(output_offset), FIELD(multiplier),
                          FIELD(shift), FIELD(output_min), FIELD(output_max)});
          },
          [](const thimble_quantize_parameters& p) {
            return print("thimble_quantize_parameters", p,
                         {FIELD(elements), FIELD(scale), FIELD(zero_point)});
          },
          [](const thimble_dequantize_parameters& p) {
            return print("thimble_dequantize_parameters", p,
                         {FIELD(elements), FIELD(scale), FIELD(zero_point)});
          },
          [](const thimble_batch_norm_parameters& p) {
            return print("thimble_batch_norm_parameters", p, {FIELD(rows), FIELD(channels), FIELD(epsilon)});
          },
          [](const thimble_relu_parameters& p) {
            return print("thimble_relu_parameters", p, {FIELD(elements), FIELD(float_min), FIELD(float_max)});
          },
          [](const thimble_leaky_relu_parameters& p) {
            return print("thimble_leaky_relu_parameters", p, {FIELD(elements), FIELD(alpha)});
          },
          [](const thimble_elementwise_parameters& p) {
            return print("thimble_elementwise_parameters", p, {FIELD(elements)});
          },
          [](const thimble_sigmoid_parameters& p) {
            return print("thimble_sigmoid_parameters", p,
                         {FIELD(elements), FIELD(multiplier), FIELD(right_shift)});
          },
          [](const thimble_select_parameters& p) {
            return print("thimble_select_parameters", p, {FIELD(shape)});
          },
          [](const thimble_strided_copy_parameters& p) {
            return print("thimble_strided_copy_parameters", p, {FIELD(extent), FIELD(stride), FIELD(start)});
          }},
      parameters);
}

#undef FIELD

}  // namespace thimble::deploy
