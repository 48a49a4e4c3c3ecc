#pragma once

#include <torch/torch.h>

#include <map>
#include <span>
#include <vector>

#include "graph/graph.h"
#include "train/fake_quantizer.h"
#include "train/options.h"

namespace thimble::train {

/// Runs a float32 graph in libtorch, on batches of any size, with gradients.
///
/// Tensors have the graph's layouts (activations NHWC, weights OHWI); convolutions see them as channels-last
/// views, so nothing is copied. Weights, biases and the gamma and beta of batch norms are parameters; the
/// mean and variance of batch norms are statistics; every other constant stays as it is. Running a graph
/// changes nothing in the executor: threads may share one. This is the one header of the room that needs
/// libtorch's.
class Executor {
 public:
  /// The part of a batch norm's running mean and variance that each training batch replaces.
  static constexpr double kMomentum = 0.1;
  using Statistics = std::map<TensorId, torch::Tensor>;

  /// `device` holds the constants and computes; inputs must lie there too. With Precision::kBfloat16 layers
  /// take and give bfloat16. What `quantizers` name is rounded wherever it is read. Throws Error naming the
  /// node when the graph is not valid, not float32, or does not keep the samples of a batch apart (the first
  /// extent of every activation must be 1).
  explicit Executor(const Graph& graph, torch::Device device = torch::kCPU,
                    Precision precision = Precision::kFloat32,
                    std::span<const FakeQuantizer> quantizers = {});

  const Graph& graph() const { return graph_; }
  const std::vector<TensorId>& parameters() const { return parameters_; }

  /// A constant; parameters are leaves that require a gradient. Writing to it in place changes the network.
  const torch::Tensor& constant(TensorId id) const { return constants_[static_cast<size_t>(id)]; }

  /// All constants by id; undefined for activations.
  const std::vector<torch::Tensor>& constants() const { return constants_; }

  // Node by node, for who goes through a network step by step.

  /// The output of a node of the graph (or of one with another operator) from values by tensor id.
  torch::Tensor compute(const Node& node, std::span<const torch::Tensor> values) const;
  /// The value of a tensor as its quantizer rounds it; itself where there is none.
  torch::Tensor rounded(TensorId id, const torch::Tensor& value) const;

  /// The scales of the quantizers that learn them, in order: leaves that require a gradient.
  std::vector<torch::Tensor> learned_scales() const;
  /// The quantizers with their scales as they are now.
  std::vector<FakeQuantizer> quantizers() const;

  /// Copies of the running means and variances.
  Statistics statistics() const;
  void set_statistics(const Statistics& statistics);

  /// The values of the `wanted` tensors for a batch: inputs[i] has the shape of the graph's input i with the
  /// samples along the first axis. Batch norms use their running statistics.
  std::vector<torch::Tensor> run(std::span<const torch::Tensor> inputs,
                                 std::span<const TensorId> wanted) const;

  /// As run, but batch norms use the statistics of the batch and move `running` towards them.
  std::vector<torch::Tensor> run_training(std::span<const torch::Tensor> inputs,
                                          std::span<const TensorId> wanted, Statistics& running) const;

  /// The graph with the parameters and statistics as they are now.
  Graph trained_graph() const;

 private:
  std::vector<torch::Tensor> run_nodes(std::span<const torch::Tensor> inputs,
                                       std::span<const TensorId> wanted, Statistics* running) const;
  torch::Tensor compute(const Node& node, std::span<const torch::Tensor> values, bool training) const;
  void run_chain(std::span<const size_t> chain, std::vector<torch::Tensor>& values) const;

  Graph graph_;
  Precision precision_;
  std::vector<torch::Tensor> constants_;  ///< one a tensor of the graph, undefined for activations
  std::vector<TensorId> parameters_;
  std::vector<TensorId> statistics_;
  std::vector<FakeQuantizer> quantizers_;
  std::vector<torch::Tensor> scales_;  ///< one tensor a quantizer
  std::vector<int32_t> quantizer_of_;  ///< one a tensor of the graph, -1 for those that are not rounded
  /// At the last node of each chain: a batch norm and what training computes with it (an addition, an
  /// activation function), in order. Empty at other nodes.
  std::vector<std::vector<size_t>> chains_;
  std::vector<std::vector<TensorId>> released_;  ///< at each node: what nobody needs after it
};

}  // namespace thimble::train
