// Convolutions, depthwise and dense layers on an emulated device: cycles a multiply-accumulate of the kernel
// that is chosen, with weights of 8 and of 4 bits, beside the portable one's; of the nano33ble's Cortex-M4
// instructions, beside CMSIS-NN's, too.
//
//     build/release/bench_kernels [DEVICE]       default: nano33ble
//
// Ends with 1 if a chosen kernel takes more cycles than the portable one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/random.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "graph/builder.h"
#include "graph/quantize_from_ranges.h"

namespace {

using namespace thimble;

enum class Kind { kConvolution, kDepthwise, kDense };

struct Layer {
  Kind kind = Kind::kConvolution;
  int32_t kernel = 1, input_c = 1, output_c = 1, size = 1;
  int32_t stride = 1, dilation = 1, groups = 1;
  bool padded = true;
  std::optional<double> cmsis_nn =
      {};  ///< instructions a MAC, counted of TensorFlow Lite Micro with CMSIS-NN

  std::string name() const {
    if (kind == Kind::kDense) return fmt::format("dense {}->{}", input_c, output_c);
    const std::string channels = kind == Kind::kDepthwise ? fmt::format("depthwise {}", input_c)
                                                          : fmt::format("{}->{}", input_c, output_c);
    std::string text = fmt::format("{0}x{0} {1} at {2}x{2}", kernel, channels, size);
    if (stride > 1) text += fmt::format(", by {}", stride);
    if (dilation > 1) text += fmt::format(", dilated {}", dilation);
    if (groups > 1) text += fmt::format(", {} groups", groups);
    return padded ? text : text + ", valid";
  }
};

/// The layers of which CMSIS-NN's counts are known, and a grid: channels from 1 to 256 and odd ones, strides,
/// dilations, groups, with padding and without.
std::vector<Layer> layers() {
  std::vector<Layer> all = {
      {.kernel = 1, .input_c = 64, .output_c = 64, .size = 12, .cmsis_nn = 2.08},
      {.kernel = 1, .input_c = 128, .output_c = 128, .size = 6, .cmsis_nn = 1.83},
      {.kernel = 1, .input_c = 32, .output_c = 32, .size = 24, .cmsis_nn = 2.70},
      {.kernel = 1, .input_c = 8, .output_c = 16, .size = 48, .cmsis_nn = 6.63},
      {.kernel = 3, .input_c = 32, .output_c = 32, .size = 16, .cmsis_nn = 1.93},
      {.kernel = 3, .input_c = 16, .output_c = 16, .size = 32, .cmsis_nn = 2.33},
      {.kind = Kind::kDepthwise, .kernel = 3, .input_c = 64, .output_c = 64, .size = 12, .cmsis_nn = 7.88},
      {.kind = Kind::kDepthwise, .kernel = 3, .input_c = 32, .output_c = 32, .size = 24, .cmsis_nn = 8.15}};
  const std::pair<int32_t, int32_t> channels[] = {{1, 1},  {1, 8},  {3, 16},  {4, 6},    {5, 7},   {7, 5},
                                                  {12, 2}, {24, 1}, {16, 33}, {256, 64}, {64, 256}};
  for (const auto& [in, out] : channels) {
    all.push_back({.kernel = 1, .input_c = in, .output_c = out, .size = 1});
    for (const int32_t kernel : {1, 2, 3, 5}) {
      if (in * out > 4096 && kernel > 3) continue;
      const int32_t size = in * out > 4096 ? 4 : 9;
      all.push_back({.kernel = kernel, .input_c = in, .output_c = out, .size = size});
      if (in * out > 4096) continue;
      all.push_back({.kernel = kernel,
                     .input_c = in,
                     .output_c = out,
                     .size = size,
                     .stride = 2,
                     .padded = kernel == 3});
      if (kernel == 3) {
        all.push_back({.kernel = kernel, .input_c = in, .output_c = out, .size = size, .dilation = 2});
        all.push_back({.kernel = kernel, .input_c = in, .output_c = out, .size = size, .padded = false});
      }
    }
  }
  for (const auto& [in, out, groups] : {std::array{8, 8, 2}, std::array{12, 24, 3}, std::array{16, 16, 4}}) {
    for (const int32_t kernel : {1, 3}) {
      all.push_back({.kernel = kernel, .input_c = in, .output_c = out, .size = 9, .groups = groups});
    }
  }
  for (const int32_t in : {1, 3, 8, 17, 64}) {
    for (const int32_t kernel : {2, 3, 5}) {
      for (const int32_t stride : {1, 2}) {
        all.push_back({.kind = Kind::kDepthwise,
                       .kernel = kernel,
                       .input_c = in,
                       .output_c = in,
                       .size = 9,
                       .stride = stride,
                       .padded = stride == 1});
      }
    }
    all.push_back(
        {.kind = Kind::kDepthwise, .kernel = 3, .input_c = in, .output_c = in, .size = 9, .dilation = 2});
    all.push_back({.kind = Kind::kDepthwise, .kernel = 3, .input_c = in, .output_c = in, .size = 2});
  }
  for (const auto& [in, out] : {std::pair(1, 1), std::pair(3, 10), std::pair(33, 7), std::pair(64, 12),
                                std::pair(256, 128), std::pair(255, 5)}) {
    all.push_back({.kind = Kind::kDense, .input_c = in, .output_c = out});
  }
  return all;
}

/// Layers in one network, each with an input and an output of its own.
Graph network_of(std::span<const Layer> layers) {
  Graph graph;
  graph.name = "layers";
  Random random(1);
  const auto constant = [&](Shape shape) {
    Tensor tensor;
    tensor.name = fmt::format("constant_{}", graph.tensors.size());
    tensor.shape = std::move(shape);
    std::vector<float> values(tensor.elements());
    for (float& value : values) value = static_cast<float>(random.normal());
    tensor.data = Tensor::to_bytes(std::span<const float>(values));
    return graph.add(std::move(tensor));
  };
  for (const Layer& layer : layers) {
    Tensor input;
    input.name = fmt::format("input_{}", graph.tensors.size());
    input.shape = layer.kind == Kind::kDense ? Shape{1, layer.input_c}
                                             : Shape{1, layer.size, layer.size, layer.input_c};
    const TensorId x = graph.add(std::move(input));
    graph.inputs.push_back(x);
    const auto padding = layer.padded
                             ? same_padding(layer.size, layer.size, layer.kernel, layer.kernel, layer.stride,
                                            layer.stride, layer.dilation, layer.dilation)
                             : Padding2D{};
    const TensorId bias = constant({layer.output_c});
    TensorId result = kNoTensor;
    if (layer.kind == Kind::kConvolution) {
      const TensorId weights =
          constant({layer.output_c, layer.kernel, layer.kernel, layer.input_c / layer.groups});
      result = graph.append(Conv2D{.stride_h = layer.stride,
                                   .stride_w = layer.stride,
                                   .dilation_h = layer.dilation,
                                   .dilation_w = layer.dilation,
                                   .groups = layer.groups,
                                   .padding = padding},
                            {x, weights, bias}, layer.name());
    } else if (layer.kind == Kind::kDepthwise) {
      const TensorId weights = constant({1, layer.kernel, layer.kernel, layer.input_c});
      result = graph.append(DepthwiseConv2D{.stride_h = layer.stride,
                                            .stride_w = layer.stride,
                                            .dilation_h = layer.dilation,
                                            .dilation_w = layer.dilation,
                                            .padding = padding},
                            {x, weights, bias}, layer.name());
    } else {
      result =
          graph.append(FullyConnected{}, {x, constant({layer.output_c, layer.input_c}), bias}, layer.name());
    }
    graph.outputs.push_back(result);
  }
  validate(graph);
  return graph;
}

struct Cost {
  double instructions, cycles;  ///< a MAC
  std::string kernel;
};

/// What each layer costs on the emulated device, with the kernels of a core.
std::vector<Cost> costs_of(const Graph& network, int32_t bits, const device::DeviceProfile& device,
                           const std::string& core) {
  const Graph graph =
      quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-4, 4}), {.bits = bits});
  const deploy::GeneratedC program = deploy::write_c(graph, {.prefix = "", .core = core});
  Random random(1);
  std::vector<std::vector<std::byte>> samples(1);
  for (const size_t bytes : program.input_bytes) {
    for (size_t i = 0; i < bytes; ++i) samples[0].push_back(static_cast<std::byte>(random.below(256)));
  }
  const deploy::InferenceCost cost =
      deploy::run_on_device(program, device, samples, {.counted_samples = 1}).costs.at(0);
  std::vector<Cost> costs(program.layers.size());
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const deploy::GeneratedLayer& layer = program.layers[i];
    const auto found = std::ranges::find(cost.functions, layer.function, &deploy::FunctionCost::function);
    const auto macs = static_cast<double>(layer.macs);
    costs.at(program.order[i]) = {static_cast<double>(found->instructions) / macs,
                                  static_cast<double>(found->cycles) / macs, layer.kernel};
  }
  return costs;
}

/// The same of any number of layers: some in a network at a time.
std::vector<Cost> costs_on(std::span<const Layer> layers, int32_t bits, const device::DeviceProfile& device,
                           const std::string& core) {
  constexpr size_t kTogether = 16;
  std::vector<Cost> costs;
  for (size_t i = 0; i < layers.size(); i += kTogether) {
    const auto some = layers.subspan(i, std::min(kTogether, layers.size() - i));
    const std::vector<Cost> more = costs_of(network_of(some), bits, device, core);
    costs.insert(costs.end(), more.begin(), more.end());
  }
  return costs;
}

}  // namespace

int main(int argc, char** argv) {
  const device::DeviceProfile device = device::load_device(argc > 1 ? argv[1] : "nano33ble");
  const bool beside_cmsis_nn = device.core.value == "cortex-m4f";
  const std::vector<Layer> all = layers();
  constexpr std::array<int32_t, 2> kBits = {8, 4};
  std::array<std::vector<Cost>, kBits.size()> portable, chosen;
  for (size_t k = 0; k < kBits.size(); ++k) {
    portable[k] = costs_on(all, kBits[k], device, "");
    chosen[k] = costs_on(all, kBits[k], device, device.core.value);
  }
  if (beside_cmsis_nn) fmt::print("{:<36}{:>9}{:>9}", "instructions a MAC", "CMSIS-NN", "int8");
  fmt::print("{:<{}}{:>9}{:>9}{:>9}{:>9}  {}\n", beside_cmsis_nn ? " | cycles" : "cycles a MAC",
             beside_cmsis_nn ? 10 : 36, "portable", "int8", "portable", "int4", "kernel");
  int slower = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    bool is_slower = false;
    // The same kernel at another address takes a cycle more or less.
    for (size_t k = 0; k < kBits.size(); ++k)
      is_slower |=
          chosen[k][i].kernel != portable[k][i].kernel && chosen[k][i].cycles > portable[k][i].cycles;
    slower += is_slower ? 1 : 0;
    fmt::print("{:<36}", all[i].name());
    if (beside_cmsis_nn) {
      fmt::print("{:>9}{:>9.2f}{:<10}", all[i].cmsis_nn ? fmt::format("{:.2f}", *all[i].cmsis_nn) : "-",
                 chosen[0][i].instructions, " |");
    }
    fmt::print("{:>9.2f}{:>9.2f}{:>9.2f}{:>9.2f}  {}, {}{}\n", portable[0][i].cycles, chosen[0][i].cycles,
               portable[1][i].cycles, chosen[1][i].cycles, chosen[0][i].kernel, chosen[1][i].kernel,
               is_slower ? "  SLOWER" : "");
  }
  fmt::print("{} of {} shapes slower than portable C\n", slower, all.size());
  return slower > 0 ? 1 : 0;
}
