#include "deploy/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "deploy/emulator/target.h"
#include "deploy/run_model.h"

namespace thimble::deploy {
namespace {

/// The outputs of every layer are kept while a batch is compared.
constexpr size_t kBatchBytes = size_t{128} << 20;

/// One start of an emulator has minutes; it does some hundred million instructions a second. Bounds of what a
/// multiply-accumulate takes: without a floating-point unit, some two hundred.
constexpr uint64_t kBatchInstructions = uint64_t{20} * 1000 * 1000 * 1000;
constexpr uint64_t kInstructionsAMac = 20;
constexpr uint64_t kInstructionsAFloatMac = 250;

template <typename T>
T element_at(std::span<const std::byte> bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T, typename Report>
void compare_integers(std::span<const std::byte> expected, std::span<const std::byte> got,
                      const Report& report) {
  for (size_t i = 0; i < expected.size() / sizeof(T); ++i) {
    const T want = element_at<T>(expected, i);
    const T have = element_at<T>(got, i);
    if (want != have) report(i, want, have);
  }
}

/// Calls report(element, expected, got) for each element that differs.
template <typename Report>
void compare(DataType type, std::span<const std::byte> expected, std::span<const std::byte> got,
             const Report& report) {
  if (type == DataType::kInt16) return compare_integers<int16_t>(expected, got, report);
  if (type != DataType::kFloat32) return compare_integers<int8_t>(expected, got, report);
  const size_t elements = expected.size() / sizeof(float);
  double largest = 0;
  for (size_t i = 0; i < elements; ++i) {
    const double magnitude = std::abs(double{element_at<float>(expected, i)});
    if (std::isfinite(magnitude)) largest = std::max(largest, magnitude);
  }
  for (size_t i = 0; i < elements; ++i) {
    const double a = element_at<float>(expected, i);
    const double b = element_at<float>(got, i);
    // Written so that a NaN differs from every number.
    const bool equal =
        a == b || std::abs(a - b) <= kFloatTolerance * largest || (std::isnan(a) && std::isnan(b));
    if (!equal) report(i, a, b);
  }
}

/// Counts where a side differs from the reference in what one sample's layers computed.
void compare_layers(const Graph& graph, const std::vector<LayerOutput>& expected,
                    const std::vector<LayerOutput>& got, const std::string& side, Verification& result) {
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    assert(got.at(n).node == static_cast<int>(n) && got[n].data.size() == expected[n].data.size());
    compare(graph.tensor(node.outputs[0]).type, expected[n].data, got[n].data,
            [&](size_t element, double want, double have) {
              ++result.mismatches;
              if (!result.first)
                result.first = Mismatch{result.samples, node.name, element, want, have, side};
            });
  }
}

/// Whether this machine's compiler takes the program: kernels/neon is for AArch64 alone.
bool compiles_here(const GeneratedC& program) {
  return std::ranges::none_of(program.files,
                              [](const GeneratedFile& file) { return file.name.starts_with("neon/"); });
}

}  // namespace

Verification verify(const Graph& graph, const device::DeviceProfile& device,
                    std::span<const std::vector<std::byte>> samples, const Progress& progress,
                    const VerifyOptions& options) {
  return verify(graph, write_c(graph, {.prefix = "", .core = device.core.value}), device, samples, progress,
                options);
}

Verification verify(const Graph& graph, const GeneratedC& program, const device::DeviceProfile& device,
                    std::span<const std::vector<std::byte>> samples, const Progress& progress,
                    const VerifyOptions& options) {
  if (options.emulator) {
    expect_emulator(device);
    expect_tools(device, false);
  }
  Verification result;
  result.device = device.name;
  std::optional<GeneratedC> portable;
  if (options.host && !compiles_here(program)) portable = write_c(graph);
  size_t bytes_a_sample = 1;
  for (const Node& node : graph.nodes) bytes_a_sample += graph.tensor(node.outputs[0]).bytes();
  const uint64_t instructions_a_sample = std::max(
      mac_count(graph) * (is_quantized(graph) ? kInstructionsAMac : kInstructionsAFloatMac), uint64_t{1});
  const size_t batch =
      std::clamp(std::min(kBatchBytes / bytes_a_sample, kBatchInstructions / instructions_a_sample),
                 size_t{1}, std::max(samples.size(), size_t{1}));

  while (result.samples < samples.size()) {
    const auto part = samples.subspan(result.samples, std::min(batch, samples.size() - result.samples));
    const RunResult reference = run_model(graph, part, "host", true);
    ProgramRun on_host;
    ProgramRun on_device;
    if (options.host) on_host = run_on_host(portable ? *portable : program, part, {.trace = true});
    if (options.emulator) on_device = run_on_device(program, device, part, {.trace = true});
    for (size_t i = 0; i < part.size(); ++i, ++result.samples) {
      const std::vector<LayerOutput>& expected = reference.layers[i];
      for (const LayerOutput& layer : expected) result.bytes_compared += layer.data.size();
      if (options.host) compare_layers(graph, expected, on_host.layers[i], "C on this machine", result);
      if (options.emulator) {
        compare_layers(graph, expected, on_device.layers[i], "C on " + find_target(device)->name, result);
      }
    }
    if (progress) {
      progress({.stage = "verify",
                .done = result.samples,
                .total = samples.size(),
                .unit = "samples",
                .detail = ""});
    }
  }
  return result;
}

std::string describe_mismatch(const Verification& verification) {
  assert(verification.first);
  const Mismatch& m = *verification.first;
  return fmt::format(
      "{} elements differ between reference and generated C; the first is element {} of layer '{}' for "
      "sample {}: "
      "{} expected, {} from {}",
      verification.mismatches, m.element, m.layer, m.sample, m.expected, m.got, m.side);
}

}  // namespace thimble::deploy
