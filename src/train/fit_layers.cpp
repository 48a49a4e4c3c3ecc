#include "train/fit_layers.h"

#include <algorithm>
#include <cstring>

#include "graph/quantize_from_ranges.h"
#include "train/apply_operator.h"
#include "train/batches.h"
#include "train/executor.h"
#include "train/tensor_batch.h"

namespace thimble::train {
namespace {

using torch::Tensor;

/// The windows that a layer reads, (groups, places, values).
Tensor windows(const Node& node, const Tensor& x, const Shape& weights) {
  const auto of_image = [&](const auto& o, int64_t groups) {
    const Padding2D& p = o.padding;
    const Tensor image =
        at::constant_pad_nd(x, {0, 0, p.left, p.right, p.top, p.bottom}).permute({0, 3, 1, 2});
    const int64_t kernel = int64_t{weights[1]} * weights[2];
    const Tensor columns = at::im2col(image, {weights[1], weights[2]}, {o.dilation_h, o.dilation_w}, {0, 0},
                                      {o.stride_h, o.stride_w});
    const int64_t channels = image.size(1) / groups;
    return columns.reshape({image.size(0), groups, channels, kernel, columns.size(2)})
        .permute({1, 0, 4, 3, 2})
        .reshape({groups, -1, kernel * channels});
  };
  if (const auto* conv = std::get_if<Conv2D>(&node.op)) return of_image(*conv, conv->groups);
  if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&node.op)) return of_image(*depthwise, x.size(3));
  return x.reshape({1, -1, x.size(-1)});
}

void add_statistics(const Node& node, const Tensor& x, const Tensor& y, const Shape& weights,
                    LayerStatistics& sums, Tensor& gram, Tensor& wanted) {
  const Tensor values = windows(node, x, weights);
  const Tensor with_one = at::cat({values, at::ones({values.size(0), values.size(1), 1})}, 2);
  // (places, groups * outputs) -> (groups, places, outputs)
  const Tensor outputs = y.reshape({values.size(1), values.size(0), -1}).permute({1, 0, 2});
  const Tensor transposed = with_one.transpose(1, 2);
  gram = gram.defined() ? gram + at::bmm(transposed, with_one)
                        : at::bmm(transposed, with_one).to(torch::kFloat64);
  const Tensor products = at::bmm(transposed, outputs);
  wanted = wanted.defined() ? wanted + products : products.to(torch::kFloat64);
  sums.places += static_cast<double>(values.size(1));
  sums.groups = static_cast<size_t>(values.size(0));
  sums.inputs = static_cast<size_t>(values.size(2));
  sums.outputs = static_cast<size_t>(outputs.size(2));
}

std::vector<double> doubles(const Tensor& tensor) {
  const Tensor dense = tensor.contiguous();
  return {dense.data_ptr<double>(), dense.data_ptr<double>() + dense.numel()};
}

}  // namespace

Graph fit_layers(const FakeQuantizedGraph& network, const Graph& reference, const data::Dataset& dataset,
                 std::span<const size_t> indices, const LayerFit& fit) {
  expect_input_fits(network.graph, dataset);
  const torch::NoGradGuard no_gradients;
  Graph graph = network.graph;
  // Values by batch and tensor, of the float32 network and of the rounded one.
  std::vector<std::vector<Tensor>> expected;
  std::vector<std::vector<Tensor>> rounded;
  const Executor exact(reference);
  constexpr size_t kBatch = 32;
  for (size_t first = 0; first < indices.size(); first += kBatch) {
    const auto input = static_cast<size_t>(graph.inputs[0]);
    expected.push_back(exact.constants());
    expected.back()[input] =
        tensor_batch(dataset, indices.subspan(first, std::min(kBatch, indices.size() - first)));
    rounded.emplace_back(graph.tensors.size());
    rounded.back()[input] = expected.back()[input];
  }
  // Constants as they are at this moment, and rounded.
  const auto refresh = [&](std::span<const TensorId> ids) {
    const Executor now(graph, torch::kCPU, Precision::kFloat32, network.quantizers);
    for (auto& values : rounded) {
      for (const TensorId id : ids) {
        if (graph.tensor(id).is_constant())
          values[static_cast<size_t>(id)] = now.rounded(id, now.constant(id));
      }
    }
    return now;
  };
  const Executor start(graph, torch::kCPU, Precision::kFloat32, network.quantizers);
  for (auto& values : rounded) {
    const auto input = static_cast<size_t>(graph.inputs[0]);
    values[input] = start.rounded(graph.inputs[0], values[input]);
  }
  const auto readers = consumers(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node node = graph.nodes[n];
    const auto output = static_cast<size_t>(node.outputs[0]);
    const bool fits = has_weights(node.op);
    Node linear = reference.nodes[n];  // whose weights may be another layer's, too
    if (fits) set_fused_activation(linear.op, Activation::kNone);
    LayerStatistics statistics;
    Tensor gram;
    Tensor wanted;
    for (size_t b = 0; b < expected.size(); ++b) {
      Tensor y = exact.compute(linear, expected[b]);
      if (fits) {
        add_statistics(node, rounded[b][static_cast<size_t>(node.inputs[0])], y,
                       graph.tensor(node.inputs[1]).shape, statistics, gram, wanted);
        y = activate(y, fused_activation(node.op));
      }
      expected[b][output] = y;
    }
    if (fits) {
      statistics.gram = doubles(gram);
      statistics.wanted = doubles(wanted);
      fit(graph, n, statistics);
    }
    const Executor now = refresh(node.inputs);
    for (size_t b = 0; b < rounded.size(); ++b) {
      rounded[b][output] = now.rounded(node.outputs[0], now.compute(node, rounded[b]));
      for (const TensorId id : node.inputs) {
        const auto i = static_cast<size_t>(id);
        if (graph.tensor(id).is_constant() || readers[i].back() > static_cast<int32_t>(n)) continue;
        expected[b][i] = rounded[b][i] = Tensor();
      }
    }
  }
  return graph;
}

}  // namespace thimble::train
