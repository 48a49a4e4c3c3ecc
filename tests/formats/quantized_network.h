#pragma once

#include <algorithm>

#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "graph/quantize_from_ranges.h"
#include "graph/reference_run.h"
#include "support/random_network.h"

namespace thimble::onnx {

/// The integer form of a float network of one input, calibrated on a few random samples.
inline Graph quantized(const Graph& trained, Random random, const QuantizeOptions& options = {}) {
  const Graph graph = fuse_activations(fold_batch_norm(trained));
  ReferenceRun run(graph);
  std::vector<Range> ranges(graph.tensors.size());
  for (uint64_t sample = 0; sample < 4; ++sample) {
    const auto input = test::random_input(graph, random.fork(sample));
    const std::span<const std::byte> inputs[] = {std::as_bytes(std::span(input))};
    run.run(inputs);
    for (size_t id = 0; id < ranges.size(); ++id) {
      if (graph.tensors[id].is_constant()) continue;
      const auto bytes = run.bytes(static_cast<TensorId>(id));
      const std::span values(reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float));
      for (const float value : values) {
        ranges[id].low = std::min(ranges[id].low, value);
        ranges[id].high = std::max(ranges[id].high, value);
      }
    }
  }
  return quantize_from_ranges(graph, ranges, options);
}

/// The bytes of a graph's only output for its only input.
inline std::vector<std::byte> output_of(const Graph& graph, std::span<const std::byte> input) {
  ReferenceRun run(graph);
  const std::span<const std::byte> inputs[] = {input};
  run.run(inputs);
  const auto bytes = run.bytes(graph.outputs.at(0));
  return {bytes.begin(), bytes.end()};
}

}  // namespace thimble::onnx
