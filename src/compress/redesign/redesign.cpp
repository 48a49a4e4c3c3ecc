#include "compress/redesign/redesign.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "compress/recovery.h"
#include "compress/redesign/depth.h"
#include "compress/redesign/new_layers.h"
#include "compress/redesign/separable.h"
#include "compress/redesign/width.h"
#include "graph/mask.h"

namespace thimble::redesign {
namespace {

void check(const Graph& graph, const RedesignOptions& options) {
  const auto refuse = [](std::string_view option, std::string_view reason, std::string_view remedy) {
    throw Error(fmt::format("Redesign option {}", option), reason, remedy, ExitCode::kUsage);
  };
  if (is_quantized(graph)) {
    throw Error(graph.name, "is quantized; only float32 networks can be redesigned",
                "Redesign the float32 network, then quantize it");
  }
  if (!(options.width > 0 && options.width <= 64)) refuse("width", "is not in (0, 64]", "Take 0.5 or 2, say");
  if (!(options.depth > 0 && options.depth <= 64)) refuse("depth", "is not in (0, 64]", "Take 0.5 or 2, say");
  if (options.multiple < 1) refuse("multiple", "is below 1", "Take 1, or what the kernels like: 4, say");
  if (options.samples < 1) refuse("samples", "is below 1", "Take 512");
  if (!options.layers.empty() && !options.separable) {
    refuse("layers", "names what shall be separable, and nothing shall",
           "Set separable, or leave layers out");
  }
  if (!options.activation_between && !options.separable) {
    refuse("activation_between (--linear)",
           "says what stands between separable convolutions, and none is made",
           "Set separable, or leave it out");
  }
  if (!options.separable && options.width == 1 && options.depth == 1) {
    throw Error("The redesign", "changes nothing", "Set separable, width or depth", ExitCode::kUsage);
  }
  if (options.distill && !options.recovery) {
    refuse("distill", "needs a recovery to teach in", "Give epochs of recovery");
  }
}

WithNewLayers new_network(const Graph& graph, const RedesignOptions& options) {
  check(graph, options);
  WithNewLayers network{graph, {}};
  const auto take = [&](WithNewLayers next) {
    network.graph = std::move(next.graph);
    network.norms.insert(network.norms.end(), next.norms.begin(), next.norms.end());
  };
  if (options.separable) take(separable(graph, options.layers, options.activation_between));
  if (options.depth > 1) take(deepen(network.graph, options.depth));
  // What is zero in new layers is not what a mask removed.
  if (options.separable || options.depth > 1) network.graph.metadata.erase(std::string(kMaskKey));
  if (options.depth < 1) network.graph = shorten(network.graph, options.depth);
  // What a shorter network has lost is no new layer of it.
  std::erase_if(network.norms, [&](const std::string& name) {
    return std::ranges::find(network.graph.nodes, name, &Node::name) == network.graph.nodes.end();
  });
  if (options.width != 1) {
    network.graph = scale_width(network.graph, options.width, options.multiple, Random(options.seed));
  }
  return network;
}

}  // namespace

Graph redesign(const Graph& graph, const data::Dataset& dataset, const RedesignOptions& options,
               const train::TrainHooks& hooks) {
  const WithNewLayers network = new_network(graph, options);
  const auto indices = data::draw_by_class(dataset, options.samples, Random(options.seed).fork(1));
  const Graph settled = network.norms.empty() ? network.graph : settle_norms(network, dataset, indices);
  if (!options.recovery) return settled;
  return compress::recover(settled, graph, dataset, *options.recovery, options.distill, hooks);
}

Graph redesign_without_data(const Graph& graph, const RedesignOptions& options) {
  if (options.recovery) {
    throw Error("The redesign", "needs samples to recover on", "Name a data set", ExitCode::kUsage);
  }
  return new_network(graph, options).graph;
}

}  // namespace thimble::redesign
