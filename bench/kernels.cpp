// One convolution at a time on an emulated Cortex-M4: instructions and estimated cycles a multiply-accumulate
// of the kernel that is chosen, with weights of 8 and of 4 bits, beside the portable kernel's and CMSIS-NN's.
//
//     build/release/bench/bench_kernels
//
// Ends with 1 if a chosen kernel is slower than the portable one.
#include <fmt/format.h>

#include <optional>

#include "base/random.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "graph/builder.h"
#include "graph/quantize_from_ranges.h"

namespace {

using namespace thimble;

struct Layer {
  int32_t size, input_c, output_c, kernel, stride;
  std::optional<double> cmsis_nn;  ///< instructions a MAC, counted of TensorFlow Lite Micro with CMSIS-NN
};

const Layer kLayers[] = {
    {12, 64, 64, 1, 1, 2.08},        {6, 128, 128, 1, 1, 1.83},        {24, 32, 32, 1, 1, 2.70},
    {48, 8, 16, 1, 1, 6.63},         {16, 32, 32, 3, 1, 1.93},         {32, 16, 16, 3, 1, 2.33},
    {9, 1, 1, 1, 1, std::nullopt},   {9, 1, 8, 3, 1, std::nullopt},    {9, 3, 16, 3, 2, std::nullopt},
    {9, 5, 7, 3, 1, std::nullopt},   {9, 7, 5, 1, 1, std::nullopt},    {9, 16, 3, 5, 2, std::nullopt},
    {9, 16, 32, 1, 2, std::nullopt}, {4, 256, 64, 3, 1, std::nullopt}, {2, 64, 256, 3, 1, std::nullopt},
    {1, 64, 64, 1, 1, std::nullopt}, {1, 33, 10, 1, 1, std::nullopt},  {9, 1, 8, 1, 1, std::nullopt},
    {9, 24, 1, 1, 1, std::nullopt},  {9, 3, 1, 3, 1, std::nullopt},    {9, 12, 2, 1, 1, std::nullopt},
    {9, 4, 6, 1, 1, std::nullopt},   {9, 1, 24, 1, 1, std::nullopt}};

struct Cost {
  double instructions, cycles;  ///< a MAC
  std::string kernel;
};

Graph quantized_layer(const Layer& layer, int32_t bits) {
  GraphBuilder builder("layer", 1);
  const TensorId x = builder.input("x", {1, layer.size, layer.size, layer.input_c});
  const Graph graph = builder.finish({builder.conv2d(x, layer.output_c,
                                                     {.kernel_h = layer.kernel,
                                                      .kernel_w = layer.kernel,
                                                      .stride_h = layer.stride,
                                                      .stride_w = layer.stride,
                                                      .padding = PaddingMode::kSame,
                                                      .bias = true})});
  return quantize_from_ranges(graph, std::vector<Range>(graph.tensors.size(), {-4, 4}), {.bits = bits});
}

Cost cost_on(const Graph& graph, const device::DeviceProfile& device, const std::string& core) {
  const deploy::GeneratedC program = deploy::write_c(graph, {.prefix = "", .core = core});
  Random random(1);
  std::vector<std::vector<std::byte>> samples(1);
  for (size_t i = 0; i < program.input_bytes[0]; ++i) {
    samples[0].push_back(static_cast<std::byte>(random.below(256)));
  }
  const deploy::InferenceCost cost =
      deploy::run_on_device(program, device, samples, {.counted_samples = 1}).costs.at(0);
  const auto macs = static_cast<double>(program.macs);
  return {static_cast<double>(cost.instructions) / macs, static_cast<double>(cost.cycles) / macs,
          program.layers.back().kernel};
}

}  // namespace

int main() {
  const device::DeviceProfile device = device::load_device("nano33ble");
  fmt::print("{:<26}{:>10}{:>9}{:>9}{:>9}{:>10}  {}\n", "instructions a MAC", "CMSIS-NN", "portable", "int8",
             "int4", "cyc. int8", "kernel");
  bool slower = false;
  for (const Layer& layer : kLayers) {
    const Graph graph = quantized_layer(layer, 8);
    const Cost portable = cost_on(graph, device, "");
    const Cost fast = cost_on(graph, device, device.core.value);
    const Cost narrow = cost_on(quantized_layer(layer, 4), device, device.core.value);
    const std::string name = fmt::format("{0}x{0} {1}->{2} at {3}x{3}{4}", layer.kernel, layer.input_c,
                                         layer.output_c, layer.size, layer.stride == 2 ? ", by 2" : "");
    slower = slower || fast.cycles > portable.cycles;
    fmt::print("{:<26}{:>10}{:>9.2f}{:>9.2f}{:>9.2f}{:>10.2f}  {}{}\n", name,
               layer.cmsis_nn ? fmt::format("{:.2f}", *layer.cmsis_nn) : "-", portable.instructions,
               fast.instructions, narrow.instructions, fast.cycles, fast.kernel,
               fast.cycles > portable.cycles ? "  SLOWER" : "");
  }
  return slower ? 1 : 0;
}
