#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace thimble::zoo {

/// What a network is built for.
struct Settings {
  Shape input;  ///< (1, H, W, C)
  int32_t classes = 10;
  double width = 1;  ///< the channels of every layer but the last are multiplied by it
  uint64_t seed = 1;
};

/// An architecture of the zoo.
struct Entry {
  std::string name;         ///< "mnist-cnn", what follows "zoo:" on the command line
  std::string description;  ///< one line: its shape, its source
  Settings defaults;        ///< but for the seed, which is the caller's
  int32_t least_height, least_width;
  Graph (*build)(const Settings&);
};

/// Every architecture, by name.
const std::vector<Entry>& entries();

/// A float32 network with random weights (GraphBuilder's) that depend on the seed alone, whose output is
/// class probabilities. `specification` is NAME[,key=value...]: `width` multiplies the channels, `classes` is
/// their number, `input` the shape of a sample as HxWxC. "mobilenet-v2,width=0.5,input=96x96x3,classes=2".
/// Throws Error when there is no such name or key, and when a value is out of its range.
Graph build(std::string_view specification, uint64_t seed);

}  // namespace thimble::zoo
