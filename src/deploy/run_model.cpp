#include "deploy/run_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "device/profile.h"
#include "graph/reference_run.h"

namespace thimble::deploy {
namespace {

std::vector<std::byte> copy_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

RunResult run_on_reference(const Graph& graph, std::span<const std::vector<std::byte>> samples,
                           bool with_layers) {
  ReferenceRun run(graph);
  RunResult result;
  for (const std::vector<std::byte>& sample : samples) {
    std::vector<std::span<const std::byte>> inputs;
    size_t offset = 0;
    for (const TensorId id : graph.inputs) {
      inputs.push_back(std::span(sample).subspan(offset, graph.tensor(id).bytes()));
      offset += graph.tensor(id).bytes();
    }
    run.run(inputs);
    std::vector<std::byte>& output = result.outputs.emplace_back();
    for (const TensorId id : graph.outputs) {
      const auto bytes = run.bytes(id);
      output.insert(output.end(), bytes.begin(), bytes.end());
    }
    if (!with_layers) continue;
    auto& layers = result.layers.emplace_back();
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      layers.push_back({static_cast<int>(n), copy_of(run.bytes(graph.nodes[n].outputs[0]))});
    }
  }
  return result;
}

}  // namespace

std::vector<std::vector<std::byte>> split_samples(const Graph& graph, std::span<const std::byte> content,
                                                  std::string_view where) {
  size_t sample_bytes = 0;
  for (const TensorId id : graph.inputs) sample_bytes += graph.tensor(id).bytes();
  if (content.empty() || content.size() % sample_bytes != 0) {
    throw Error(where, fmt::format("has {} bytes, which is not a whole number of samples", content.size()),
                fmt::format("A sample of this model has {} bytes", sample_bytes));
  }
  std::vector<std::vector<std::byte>> samples;
  for (size_t offset = 0; offset < content.size(); offset += sample_bytes) {
    samples.push_back(copy_of(content.subspan(offset, sample_bytes)));
  }
  return samples;
}

RunResult run_model(const Graph& graph, std::span<const std::vector<std::byte>> samples,
                    std::string_view place, bool with_layers) {
  if (place == "host") return run_on_reference(graph, samples, with_layers);
  const ProgramOptions options{.trace = with_layers};
  const auto run_there = [&] {
    if (place == "c") return run_on_host(write_c(graph), samples, options);
    const device::DeviceProfile device = device::load_device(place);
    return run_on_device(write_c(graph, {.prefix = "", .core = device.core.value}), device, samples, options);
  };
  ProgramRun run = run_there();
  return {std::move(run.outputs), std::move(run.layers)};
}

}  // namespace thimble::deploy
