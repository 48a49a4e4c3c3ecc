#pragma once

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::pipeline {

/// What a classifier did on a data set.
struct Evaluation {
  size_t samples = 0;
  double accuracy = 0;  ///< correct / samples
  double macro_f1 =
      0;  ///< mean over the classes of 2 TP / (2 TP + FP + FN); a class that never occurs counts 0
  std::vector<std::vector<int64_t>> confusion;  ///< [true class][predicted class]
};

/// The bytes that a graph's input takes for a sample as a network sees it (data::read_sample).
std::vector<std::byte> sample_bytes(const Graph& graph, const data::Dataset& dataset, size_t index);

/// Throws Error unless the graph has one input of the set's sample shape and one output with an element a
/// class.
void expect_fits(const Graph& graph, const data::Dataset& dataset);

/// Classifies every sample: a quantized graph on the integer reference with `threads` threads, a float32
/// graph in libtorch. A tie goes to the lower class. The result does not depend on the number of threads; 0
/// stands for the cores that this process may use.
Evaluation evaluate(const Graph& graph, const data::Dataset& dataset, int threads,
                    const Progress& progress = {});

}  // namespace thimble::pipeline
