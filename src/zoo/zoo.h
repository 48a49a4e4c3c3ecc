#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace thimble::zoo {

/// An architecture of the zoo.
struct Entry {
  std::string name;         ///< "mnist-cnn", what follows "zoo:" on the command line
  std::string description;  ///< one line: shape of the network, its source
  Graph (*build)(uint64_t seed);
};

/// Every architecture, by name.
const std::vector<Entry>& entries();

/// A float32 network with random weights (GraphBuilder's), whose output is class probabilities.
/// Throws Error listing the names when there is none of this name.
Graph build(std::string_view name, uint64_t seed);

/// A small convolutional network for 28x28x1 images and ten classes: a 5x5 and three 3x3 convolutions, the
/// first two of stride 2, so that most of it works on 7x7; global average pooling, one dense layer.
Graph mnist_cnn(uint64_t seed);

/// ResNet-8 for 32x32x3 images and ten classes, the image classification network of MLPerf Tiny
/// (Banbury et al., NeurIPS 2021): three residual stacks of 16, 32 and 64 channels.
Graph resnet8(uint64_t seed);

}  // namespace thimble::zoo
