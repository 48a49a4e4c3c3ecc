#pragma once

#include "graph/graph.h"

namespace thimble {

/// Folds every batch norm whose input is a convolution or dense layer that nobody else reads into that
/// layer's weights and bias (Jacob et al., CVPR 2018, section 3.2). A batch norm that cannot be folded stays.
/// The function computed is the same to float32 rounding.
Graph fold_batch_norm(const Graph& graph);

/// As fold_batch_norm, but a batch norm that cannot be folded (its input is a sum, a concatenation or the
/// network's own) becomes a product and a sum with a constant for each channel: what integers and TensorFlow
/// Lite can express.
Graph without_batch_norm(const Graph& graph);

}  // namespace thimble
