#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::test {

/// Two convolutions of `filters` filters on a 6x6 image, batch norm after each, three classes.
inline Graph small_network(int32_t filters = 4) {
  Graph graph;
  graph.name = "small";
  Random random(3);
  const auto constant = [&](std::string name, Shape shape, float low, float high) {
    Tensor tensor{.name = std::move(name), .shape = std::move(shape)};
    std::vector<float> values(tensor.elements());
    for (float& value : values) value = low + (high - low) * static_cast<float>(random.uniform());
    tensor.data = Tensor::to_bytes(std::span<const float>(values));
    return graph.add(std::move(tensor));
  };
  TensorId x = graph.add({.name = "x", .shape = {1, 6, 6, 2}});
  graph.inputs = {x};
  int32_t channels = 2;
  for (const std::string name : {"first", "second"}) {
    x = graph.append(Conv2D{}, {x, constant(name + "_w", {filters, 3, 3, channels}, -0.5F, 0.5F)}, name);
    std::vector<TensorId> inputs = {x};
    for (const char* part : {"_gamma", "_beta", "_mean", "_variance"}) {
      inputs.push_back(constant(name + part, {filters}, 0.5F, 1.5F));
    }
    x = graph.append(BatchNorm{}, inputs, name + "_norm");
    x = graph.append(Relu{}, {x}, name + "_relu");
    channels = filters;
  }
  x = graph.append(Mean{.axes = {1, 2}}, {x}, "mean");
  x = graph.append(FullyConnected{}, {x, constant("dense_w", {3, filters}, -0.5F, 0.5F)}, "dense");
  graph.outputs = {graph.append(Softmax{}, {x}, "softmax")};
  validate(graph);
  return graph;
}

/// Samples of it, in which a class is a brighter third.
inline data::Dataset small_set(size_t count) {
  data::Dataset set;
  set.name = "small";
  set.sample_shape = {6, 6, 2};
  set.class_names = {"a", "b", "c"};
  Random random(5);
  for (size_t i = 0; i < count; ++i) {
    const auto label = static_cast<int32_t>(i % 3);
    for (int32_t p = 0; p < 72; ++p) {
      set.samples.push_back(static_cast<uint8_t>(random.below(128) + (p / 24 == label ? 120 : 0)));
    }
    set.labels.push_back(label);
  }
  return set;
}

}  // namespace thimble::test
