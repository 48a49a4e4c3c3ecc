// Images/s and images per CPU second of Thimble's trainer on synthetic data in memory: one side of
// bench/train.sh.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "train/trainer.h"
#include "zoo/zoo.h"

namespace {

using namespace thimble;

constexpr int kBatch = 128;

data::Dataset synthetic(const Graph& graph, size_t size) {
  data::Dataset dataset;
  dataset.name = "synthetic";
  const Shape& shape = graph.tensor(graph.inputs[0]).shape;
  dataset.sample_shape.assign(shape.begin() + 1, shape.end());
  const int32_t classes = graph.tensor(graph.outputs[0]).shape[1];
  for (int32_t c = 0; c < classes; ++c) dataset.class_names.push_back(std::to_string(c));
  Random random(1);
  dataset.samples.resize(size * element_count(shape));
  for (uint8_t& value : dataset.samples) value = static_cast<uint8_t>(random.between(0, 255));
  for (size_t i = 0; i < size; ++i) dataset.labels.push_back(random.between(0, classes - 1));
  return dataset;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fputs("usage: bench_train NETWORK THREADS IMAGES\n", stderr);
    return 2;
  }
  const Graph graph = zoo::build(argv[1], 1);
  const data::Dataset dataset = synthetic(graph, 8 * kBatch);
  train::TrainOptions options;
  options.batch_size = kBatch;
  options.learning_rate = 0.01;
  options.threads = std::atoi(argv[2]);
  // The first epoch warms up and does not count.
  const int epochs = std::max(1, std::atoi(argv[3]) / static_cast<int>(dataset.size()));
  options.epochs = 1 + epochs;
  double seconds = 0;
  std::clock_t cpu_start = 0;
  train::TrainHooks hooks;
  hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
    if (metrics.epoch == 1) cpu_start = std::clock();
    if (metrics.epoch > 1) seconds += static_cast<double>(dataset.size()) / metrics.images_per_second;
  };
  train::train(graph, dataset, options, hooks);
  const double images = epochs * static_cast<double>(dataset.size());
  const double cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  std::printf("%.1f %.1f\n", images / seconds, images / cpu_seconds);
  return 0;
} catch (const thimble::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
