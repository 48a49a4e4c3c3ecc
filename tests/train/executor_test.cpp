#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "graph/builder.h"
#include "graph/fold_batch_norm.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"
#include "support/random_network.h"
#include "train/observe.h"
#include "train/operator_cases.h"
#include "train/predict.h"
#include "train/run_float.h"
#include "train/tiny_set.h"

namespace thimble {
namespace {

using Spans = std::vector<std::span<const float>>;

Spans spans_of(const train::Values& values) { return {values.begin(), values.end()}; }

/// Spread values for each input of a graph, `batch` samples long.
train::Values inputs_for(const Graph& graph, size_t batch, uint64_t seed) {
  train::Values inputs;
  for (const TensorId id : graph.inputs) {
    inputs.push_back(
        test::spread_values(batch * graph.tensor(id).elements(), Random(seed).fork(inputs.size())));
  }
  return inputs;
}

/// The first output for a batch on the portable kernels, sample by sample.
std::vector<float> on_reference(const Graph& graph, const train::Values& inputs, size_t batch) {
  ReferenceRun run(graph);
  std::vector<float> outputs;
  for (size_t sample = 0; sample < batch; ++sample) {
    std::vector<std::span<const std::byte>> bytes;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const size_t elements = inputs[i].size() / batch;
      bytes.push_back(std::as_bytes(std::span(inputs[i]).subspan(sample * elements, elements)));
    }
    run.run(bytes);
    const auto output = run.bytes(graph.outputs[0]);
    const size_t start = outputs.size();
    outputs.resize(start + output.size() / sizeof(float));
    std::memcpy(outputs.data() + start, output.data(), output.size());
  }
  return outputs;
}

void expect_near(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

TEST(Executor, computes_every_operator_as_the_portable_kernels_do) {
  constexpr size_t kBatch = 3;
  for (const test::OperatorCase& c : test::operator_cases()) {
    SCOPED_TRACE(c.name);
    const train::Values inputs = inputs_for(c.graph, kBatch, 1);
    const auto output = train::run_float(c.graph, spans_of(inputs), kBatch, c.graph.outputs)[0];
    expect_near(output, on_reference(c.graph, inputs, kBatch), 1e-5);
  }
}

TEST(Executor, computes_random_networks_as_the_portable_kernels_do) {
  constexpr size_t kBatch = 2;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = test::random_network(Random(seed));
    train::Values inputs(1);
    for (size_t sample = 0; sample < kBatch; ++sample) {
      const auto values = test::random_input(graph, Random(seed).fork(sample));
      inputs[0].insert(inputs[0].end(), values.begin(), values.end());
    }
    const auto output = train::run_float(graph, spans_of(inputs), kBatch, graph.outputs)[0];
    expect_near(output, on_reference(graph, inputs, kBatch), 1e-4);
  }
}

/// sum(weights * output), in double.
double weighed(const Graph& graph, const train::Values& inputs, size_t batch,
               const std::vector<float>& weights) {
  const auto output = train::run_float(graph, spans_of(inputs), batch, graph.outputs)[0];
  double sum = 0;
  for (size_t i = 0; i < output.size(); ++i) sum += static_cast<double>(output[i]) * weights[i];
  return sum;
}

TEST(Executor, gradients_of_every_operator_are_finite_differences) {
  constexpr size_t kBatch = 2;
  constexpr float kStep = 0.02F;
  constexpr size_t kProbes = 12;
  for (test::OperatorCase& c : test::operator_cases()) {
    SCOPED_TRACE(c.name);
    Random random(7);
    train::Values inputs = inputs_for(c.graph, kBatch, 2);
    std::vector<float> weights(kBatch * c.graph.tensor(c.graph.outputs[0]).elements());
    for (float& weight : weights) weight = static_cast<float>(random.normal());
    const train::Gradients found = train::gradients(c.graph, spans_of(inputs), kBatch, weights);

    const auto probe = [&](std::span<float> values, const std::vector<float>& slopes) {
      ASSERT_EQ(values.size(), slopes.size());
      for (size_t n = 0; n < kProbes; ++n) {
        const size_t i = random.below(static_cast<uint32_t>(values.size()));
        const float before = values[i];
        values[i] = before + kStep;
        const double above = weighed(c.graph, inputs, kBatch, weights);
        values[i] = before - kStep;
        const double below = weighed(c.graph, inputs, kBatch, weights);
        values[i] = before;
        const double expected = (above - below) / (2 * static_cast<double>(kStep));
        ASSERT_NEAR(slopes[i], expected, 5e-3 * (1 + std::abs(expected))) << "element " << i;
      }
    };
    for (size_t i = 0; i < inputs.size(); ++i) probe(inputs[i], found.inputs[i]);
    for (size_t i = 0; i < found.parameter_ids.size(); ++i) {
      probe(c.graph.tensor(found.parameter_ids[i]).values<float>(), found.parameters[i]);
    }
  }
}

Graph batch_norm_graph(const Shape& shape) {
  GraphBuilder builder("norm", 1);
  return builder.finish({builder.batch_norm(builder.input("x", shape))});
}

TEST(Executor, gradient_of_a_training_batch_norm_is_that_of_its_definition) {
  constexpr size_t kBatch = 4;
  for (const Shape& shape : {Shape{1, 3, 2, 2}, Shape{1, 3}}) {
    SCOPED_TRACE(to_string(shape));
    const Graph graph = batch_norm_graph(shape);
    const auto channels = static_cast<size_t>(shape.back());
    train::Values inputs = inputs_for(graph, kBatch, 3);
    Random random(5);
    std::vector<float> weights(inputs[0].size());
    for (float& weight : weights) weight = static_cast<float>(random.normal());
    const auto slopes = train::gradients(graph, spans_of(inputs), kBatch, weights).inputs[0];

    // Ioffe and Szegedy, ICML 2015, algorithm 1, with gamma 1 and beta 0.
    const auto definition = [&](const std::vector<float>& x) {
      const double count = static_cast<double>(x.size() / channels);
      double sum = 0;
      for (size_t c = 0; c < channels; ++c) {
        double mean = 0;
        double variance = 0;
        for (size_t i = c; i < x.size(); i += channels) mean += x[i] / count;
        for (size_t i = c; i < x.size(); i += channels) variance += (x[i] - mean) * (x[i] - mean) / count;
        for (size_t i = c; i < x.size(); i += channels)
          sum += weights[i] * (x[i] - mean) / std::sqrt(variance + 1e-5);
      }
      return sum;
    };
    for (size_t i = 0; i < slopes.size(); ++i) {
      std::vector<float> above = inputs[0];
      std::vector<float> below = inputs[0];
      above[i] += 0.001F;
      below[i] -= 0.001F;
      const double step = static_cast<double>(above[i]) - below[i];
      EXPECT_NEAR(slopes[i], (definition(above) - definition(below)) / step, 1e-3);
    }
  }
}

TEST(Executor, gives_any_tensor_that_is_asked_for) {
  GraphBuilder builder("chain", 1);
  const TensorId x = builder.input("x", {1, 3});
  const TensorId twice = builder.add(x, x);
  const Graph graph = builder.finish({builder.relu(twice)});
  const std::vector<float> input = {-1, 0, 2};
  const std::span<const float> inputs[] = {input};
  const TensorId wanted[] = {graph.outputs[0], twice, x};
  const train::Values values = train::run_float(graph, inputs, 1, wanted);
  EXPECT_EQ(values[0], (std::vector<float>{0, 0, 4}));
  EXPECT_EQ(values[1], (std::vector<float>{-2, 0, 4}));
  EXPECT_EQ(values[2], input);
}

TEST(Executor, refuses_an_input_of_another_size) {
  const Graph graph = batch_norm_graph({1, 3});
  const std::vector<float> input(4);
  const std::span<const float> inputs[] = {input};
  test::expect_error([&] { train::run_float(graph, inputs, 1, graph.outputs); }, {"Tensor 'x'", "1x3"});
}

TEST(Executor, refuses_a_graph_that_mixes_the_samples_of_a_batch) {
  GraphBuilder builder("mix", 1);
  const TensorId x = builder.input("x", {1, 3});
  Graph graph = builder.finish({builder.relu(x)});
  graph.outputs = {graph.append(Concat{.axis = 0}, {x, graph.outputs[0]}, "stack")};
  const std::vector<float> input(3);
  const std::span<const float> inputs[] = {input};
  test::expect_error([&] { train::run_float(graph, inputs, 1, graph.outputs); },
                     {"stack", "samples of a batch"});
}

TEST(Executor, refuses_an_integer_operator) {
  Graph graph;
  Tensor integers;
  integers.name = "x";
  integers.type = DataType::kInt8;
  integers.shape = {1, 4};
  integers.quantization = Quantization{{1}, {0}};
  Tensor reals;
  reals.name = "y";
  reals.shape = {1, 4};
  graph.inputs = {graph.add(integers)};
  graph.outputs = {graph.add(reals)};
  graph.nodes.push_back({"dequantize", Dequantize{}, graph.inputs, graph.outputs});
  const std::vector<float> input(4);
  const std::span<const float> inputs[] = {input};
  test::expect_error([&] { train::run_float(graph, inputs, 1, graph.outputs); }, "float32");
}

TEST(Observe, shows_every_activation_of_the_chosen_samples_in_order) {
  const data::Dataset set = test::tiny_set(40);
  const Graph graph = test::tiny_network();
  const std::vector<size_t> indices = {39, 0, 7};
  std::vector<TensorId> seen;
  train::observe(graph, set, indices, [&](TensorId id, std::span<const float> values) {
    seen.push_back(id);
    EXPECT_EQ(values.size(), indices.size() * graph.tensor(id).elements());
    if (id != graph.inputs[0]) return;
    for (size_t i = 0; i < indices.size(); ++i) {
      EXPECT_FLOAT_EQ(values[i * set.sample_elements()],
                      static_cast<float>(set.sample(indices[i])[0]) / 255.0F);
    }
  });
  EXPECT_EQ(seen.size(), graph.nodes.size() + 1);
}

TEST(Predict, does_not_depend_on_the_number_of_threads) {
  const data::Dataset set = test::tiny_set(200);
  const Graph graph = test::tiny_network();
  EXPECT_EQ(train::predict(graph, set, 1), train::predict(graph, set, 3));
}

TEST(Predict, reports_every_sample_as_done) {
  const data::Dataset set = test::tiny_set(100);
  uint64_t last = 0;
  train::predict(test::tiny_network(), set, 2, [&](const ProgressUpdate& update) { last = update.done; });
  EXPECT_EQ(last, 100U);
}

TEST(Predict, refuses_samples_of_another_shape) {
  data::Dataset set = test::tiny_set(10);
  set.sample_shape = {4, 16, 1};
  test::expect_error([&] { train::predict(test::tiny_network(), set, 1); }, {"1x8x8x1", "1x4x16x1"});
}

}  // namespace
}  // namespace thimble
