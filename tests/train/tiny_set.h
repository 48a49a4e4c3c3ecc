#pragma once

#include <cstddef>

#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::test {

/// Images of 8x8x1 in three classes that can be told apart: where in the image a bright square lies, in
/// noise.
data::Dataset tiny_set(size_t samples);

/// A network for them with convolution, batch norm, dense layer and softmax.
Graph tiny_network();

}  // namespace thimble::test
