#include "compress/quantize/post_training.h"

#include <fmt/format.h>

#include "base/error.h"
#include "compress/quantize/calibrate.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {

Graph post_training_quantize(const Graph& graph, const data::Dataset& dataset,
                             const PostTrainingOptions& options) {
  if (is_quantized(graph)) {
    throw Error(graph.name, "is quantized already", "Give the float32 model that it was made from");
  }
  const Graph folded = fuse_activations(without_batch_norm(graph));
  const auto indices = data::draw_by_class(dataset, options.samples, Random(options.seed));
  const std::vector<Range> ranges = calibrate(folded, dataset, indices, options.calibration);
  Graph quantized = quantize_from_ranges(folded, ranges, options.weights);
  quantized.metadata["calibration"] =
      fmt::format("{}, {} samples of {}, seed {}", name_of(options.calibration.rule), indices.size(),
                  dataset.name, options.seed);
  return quantized;
}

}  // namespace thimble::quantize
