#include "pipeline/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/cores.h"
#include "base/error.h"
#include "graph/input_bytes.h"
#include "graph/reference_run.h"
#include "train/predict.h"

namespace thimble::pipeline {
namespace {

/// The index of the largest element, the lowest of equals, of an integer or float32 output.
int32_t best_class(const Tensor& output, std::span<const std::byte> bytes) {
  const auto argmax = [&](auto zero) {
    const auto* first = reinterpret_cast<const decltype(zero)*>(bytes.data());
    return static_cast<int32_t>(std::max_element(first, first + output.elements()) - first);
  };
  if (output.type == DataType::kUint8) return argmax(uint8_t{0});
  if (output.type == DataType::kInt16) return argmax(int16_t{0});
  return output.type == DataType::kFloat32 ? argmax(0.0F) : argmax(int8_t{0});
}

/// The class of each sample, on the integer reference.
std::vector<int32_t> predict_on_reference(const Graph& graph, const data::Dataset& dataset, int threads,
                                          const Progress& progress) {
  std::vector<int32_t> predictions(dataset.size());
  std::atomic<size_t> next = 0;
  std::atomic<size_t> done = 0;
  std::mutex drawing;
  constexpr size_t kChunk = 64;
  const auto work = [&](ReferenceRun run) {
    while (true) {
      const size_t first = next.fetch_add(kChunk);
      if (first >= dataset.size()) return;
      const size_t last = std::min(first + kChunk, dataset.size());
      for (size_t i = first; i < last; ++i) {
        const auto input = sample_bytes(graph, dataset, i);
        const std::span<const std::byte> inputs[] = {input};
        run.run(inputs);
        predictions[i] = best_class(graph.tensor(graph.outputs[0]), run.bytes(graph.outputs[0]));
      }
      done += last - first;
      if (progress) {
        const std::scoped_lock lock(drawing);
        progress({"evaluate", done, dataset.size(), "images", ""});
      }
    }
  };
  std::vector<std::jthread> workers;
  if (threads <= 0) threads = available_cores();
  for (int i = 1; i < threads; ++i) workers.emplace_back(work, ReferenceRun(graph));
  work(ReferenceRun(graph));
  return predictions;
}

Evaluation score(const std::vector<int32_t>& predictions, const data::Dataset& dataset) {
  const size_t classes = dataset.class_names.size();
  Evaluation result;
  result.samples = predictions.size();
  result.confusion.assign(classes, std::vector<int64_t>(classes, 0));
  for (size_t i = 0; i < predictions.size(); ++i) {
    ++result.confusion[static_cast<size_t>(dataset.labels[i])][static_cast<size_t>(predictions[i])];
  }
  int64_t correct = 0;
  for (size_t c = 0; c < classes; ++c) {
    int64_t of_class = 0;
    int64_t as_class = 0;
    for (size_t other = 0; other < classes; ++other) {
      of_class += result.confusion[c][other];
      as_class += result.confusion[other][c];
    }
    const int64_t hits = result.confusion[c][c];
    correct += hits;
    if (of_class + as_class > 0)
      result.macro_f1 += 2.0 * static_cast<double>(hits) / static_cast<double>(of_class + as_class);
  }
  result.accuracy = static_cast<double>(correct) / static_cast<double>(result.samples);
  result.macro_f1 /= static_cast<double>(classes);
  return result;
}

}  // namespace

std::vector<std::byte> sample_bytes(const Graph& graph, const data::Dataset& dataset, size_t index) {
  std::vector<float> values(dataset.sample_elements());
  data::read_sample(dataset, index, values);
  return input_bytes(graph.tensor(graph.inputs.at(0)), values);
}

void expect_fits(const Graph& graph, const data::Dataset& dataset) {
  const auto mismatch = [&](const std::string& reason) {
    throw Error(graph.name, reason, fmt::format("Take a model that was made for {}", dataset.name));
  };
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1) mismatch("has more than one input or output");
  Shape expected = {1};
  expected.insert(expected.end(), dataset.sample_shape.begin(), dataset.sample_shape.end());
  const Shape& input = graph.tensor(graph.inputs[0]).shape;
  if (input != expected) {
    mismatch(
        fmt::format("takes {}, a sample of {} is {}", to_string(input), dataset.name, to_string(expected)));
  }
  const size_t outputs = graph.tensor(graph.outputs[0]).elements();
  if (outputs != dataset.class_names.size()) {
    mismatch(
        fmt::format("has {} outputs, {} has {} classes", outputs, dataset.name, dataset.class_names.size()));
  }
}

Evaluation evaluate(const Graph& graph, const data::Dataset& dataset, int threads, const Progress& progress) {
  expect_fits(graph, dataset);
  return score(is_quantized(graph) ? predict_on_reference(graph, dataset, threads, progress)
                                   : train::predict(graph, dataset, threads, progress),
               dataset);
}

}  // namespace thimble::pipeline
