#include "compress/quantize/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/files.h"
#include "compress/quantize/equalize.h"
#include "compress/quantize/fake_quantized.h"
#include "compress/quantize/weight_fits.h"
#include "graph/builder.h"
#include "graph/input_bytes.h"
#include "graph/reference_run.h"
#include "support/expect_error.h"
#include "support/int16_options.h"
#include "support/random_network.h"
#include "train/predict.h"

namespace thimble::quantize {
namespace {

/// Images in three classes: where a bright square lies, in noise.
data::Dataset squares(size_t count, uint64_t seed) {
  data::Dataset set;
  set.name = "squares";
  set.sample_shape = {8, 8, 1};
  set.class_names = {"left", "right", "below"};
  Random random(seed);
  for (size_t i = 0; i < count; ++i) {
    const auto label = static_cast<int32_t>(i % 3);
    const int32_t top = label == 2 ? 4 : 1;
    const int32_t left = label == 0 ? 1 : label == 1 ? 4 : 3;
    for (int32_t y = 0; y < 8; ++y) {
      for (int32_t x = 0; x < 8; ++x) {
        const bool bright = y >= top && y < top + 3 && x >= left && x < left + 3;
        set.samples.push_back(static_cast<uint8_t>((bright ? 100 : 0) + random.below(150)));
      }
    }
    set.labels.push_back(label);
  }
  return set;
}

/// With a residual sum, a depthwise layer, pools and batch norms.
Graph small_network() {
  GraphBuilder b("small", 2);
  TensorId x = b.relu(b.batch_norm(b.conv2d(b.input("image", {1, 8, 8, 1}), 6, {})));
  const TensorId y = b.batch_norm(
      b.conv2d(b.relu6(b.batch_norm(b.depthwise_conv2d(x, {}))), 6, {.kernel_h = 1, .kernel_w = 1}));
  x = b.average_pool(b.relu(b.add(x, y)), 2, 2);
  return b.finish({b.softmax(b.fully_connected(b.flatten(x), 3))});
}

train::TrainOptions short_training(int epochs) {
  train::TrainOptions options;
  options.epochs = epochs;
  options.batch_size = 32;
  options.learning_rate = 0.05;
  options.threads = 1;
  return options;
}

const Graph& trained() {
  static const Graph graph = train::train(small_network(), squares(600, 1), short_training(4));
  return graph;
}

std::vector<int32_t> integer_predictions(const Graph& graph, const data::Dataset& set) {
  std::vector<int32_t> classes;
  ReferenceRun run(graph);
  std::vector<float> values(set.sample_elements());
  for (size_t i = 0; i < set.size(); ++i) {
    data::read_sample(set, i, values);
    const auto bytes = input_bytes(graph.tensor(graph.inputs[0]), values);
    const std::span<const std::byte> inputs[] = {bytes};
    run.run(inputs);
    const auto scores = run.bytes(graph.outputs[0]);
    const auto* first = reinterpret_cast<const int8_t*>(scores.data());
    classes.push_back(static_cast<int32_t>(std::max_element(first, first + scores.size()) - first));
  }
  return classes;
}

/// The mean squared distance of a network's probabilities of integers from those of a float32 network.
double distance(const Graph& integer, const Graph& reference, const data::Dataset& set) {
  ReferenceRun run(integer);
  std::vector<float> values(set.sample_elements());
  const Tensor& output = integer.tensor(integer.outputs[0]);
  double sum = 0;
  for (size_t i = 0; i < set.size(); ++i) {
    data::read_sample(set, i, values);
    const auto bytes = input_bytes(integer.tensor(integer.inputs[0]), values);
    const std::span<const std::byte> inputs[] = {bytes};
    run.run(inputs);
    const auto scores = run.bytes(integer.outputs[0]);
    const std::vector<float> expected = test::run_float32(reference, values);
    for (size_t k = 0; k < expected.size(); ++k) {
      const int32_t score = output.type == DataType::kInt16
                                ? reinterpret_cast<const int16_t*>(scores.data())[k]
                                : reinterpret_cast<const int8_t*>(scores.data())[k];
      const double real = output.quantization->scales[0] * (score - output.quantization->zero_points[0]);
      sum += (real - expected[k]) * (real - expected[k]);
    }
  }
  return sum / static_cast<double>(set.size());
}

TEST(ActivationsOf16Bits, are_nearer_to_the_float32_network_than_those_of_8) {
  const data::Dataset samples = squares(600, 1);
  const data::Dataset test = squares(300, 7);
  const Graph reference = folded_graph(trained());
  PostTrainingOptions options;
  options.samples = 100;
  const double of_8 = distance(post_training_quantize(trained(), samples, options), reference, test);
  options.weights.activations = 16;
  const Graph all = post_training_quantize(trained(), samples, options);
  EXPECT_LT(distance(all, reference, test), of_8);
  EXPECT_EQ(all.tensor(all.inputs[0]).type, DataType::kInt16);
  // A layer that stays at 8 bits, between two Quantize.
  options.weights.layer_activations = {{reference.nodes[1].name, 8}};
  const Graph mixed = post_training_quantize(trained(), samples, options);
  EXPECT_EQ(std::ranges::count_if(mixed.nodes,
                                  [](const Node& node) { return std::holds_alternative<Quantize>(node.op); }),
            2);
  EXPECT_LT(distance(mixed, reference, test), of_8);
}

TEST(ActivationsOf16Bits, are_fitted_and_trained_as_those_of_8_are) {
  Options options;
  options.post_training.samples = 100;
  options.post_training.weights.activations = 16;
  options.post_training.adaptive_rounding = options.post_training.bias_correction = true;
  const Graph fitted = quantize(trained(), squares(600, 1), options).integer;
  EXPECT_EQ(fitted.tensor(fitted.outputs[0]).type, DataType::kInt16);
  options.training = short_training(1);
  options.training->learning_rate = 0.01;
  const Result result = quantize(trained(), squares(600, 1), options);
  EXPECT_EQ(result.integer.tensor(result.integer.outputs[0]).type, DataType::kInt16);
  const data::Dataset test = squares(300, 7);
  EXPECT_LT(distance(result.integer, folded_graph(result.trained->graph), test), 1e-3);
}

double accuracy(const std::vector<int32_t>& classes, const data::Dataset& set) {
  size_t correct = 0;
  for (size_t i = 0; i < classes.size(); ++i) correct += classes[i] == set.labels[i] ? 1 : 0;
  return static_cast<double>(correct) / static_cast<double>(classes.size());
}

double agreement(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  size_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

TEST(QuantizationAwareTraining, what_is_trained_is_what_is_deployed) {
  const data::Dataset test = squares(2000, 7);
  for (const int32_t bits : {8, 4, 2}) {
    Options options;
    options.post_training.samples = 100;
    options.post_training.weights.bits = bits;
    options.training = short_training(3);
    options.training->learning_rate = 0.02;
    options.distills = bits == 2;
    const Result result = quantize(trained(), squares(600, 1), options);
    const auto integers = integer_predictions(result.integer, test);
    EXPECT_GE(agreement(integers, train::predict(*result.trained, test, 1)), 0.995) << bits;
    EXPECT_GE(accuracy(integers, test), accuracy(train::predict(trained(), test, 1), test) - 0.02) << bits;
    // And no longer what post-training quantization had.
    EXPECT_NE(result.trained->quantizers[1].scales, result.post_training.network.quantizers[1].scales);
  }
}

TEST(QuantizationAwareTraining, training_that_leaves_the_network_guessing_is_an_error) {
  Options options;
  options.post_training.samples = 100;
  options.post_training.weights.bits = 4;
  options.training = short_training(50);
  // Whether a rate that is too high breaks a network hangs on the last bits of sums; that all weights decay
  // to nothing does not.
  options.training->weight_decay = 10;
  test::expect_error([&] { quantize(trained(), squares(600, 1), options); },
                     {"drives the network apart", "learning_rate = 0.005"});
}

TEST(QuantizationAwareTraining, guessing_is_told_from_knowing_where_one_class_is_most_of_the_set) {
  const auto of_two = [](data::Dataset set) {
    for (int32_t& label : set.labels) label = label == 2 ? 1 : 0;
    set.class_names = {"most", "few"};
    return set;
  };
  Graph graph = small_network();
  const Shape& scores = graph.tensor(graph.outputs[0]).shape;
  ASSERT_EQ(scores.back(), 3);  // the third class stays empty
  data::Dataset set = of_two(squares(600, 1));
  set.class_names.emplace_back("none");
  const Graph two = train::train(graph, set, short_training(4));
  Options options;
  options.post_training.samples = 100;
  options.post_training.weights.bits = 4;
  options.training = short_training(50);
  options.training->weight_decay = 10;
  const TemporaryFolder folder;
  train::TrainHooks hooks;
  hooks.checkpoint = folder.path() / "two.checkpoint";
  test::expect_error([&] { quantize(two, set, options, hooks); },
                     {"drives the network apart", "and delete " + hooks.checkpoint.string()});
}

TEST(QuantizationAwareTraining, adamw_moves_steps_by_a_part_of_themselves) {
  Options options;
  options.post_training.samples = 100;
  options.training = short_training(2);
  options.training->optimizer = train::Optimizer::kAdamW;
  options.training->learning_rate = 0.01;
  const Result result = quantize(trained(), squares(600, 1), options);
  ASSERT_TRUE(result.trained);
  const auto& before = result.post_training.network.quantizers;
  const auto& after = result.trained->quantizers;
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < after.size(); ++i) {
    for (size_t c = 0; c < after[i].scales.size(); ++c) {
      EXPECT_GT(after[i].scales[c], before[i].scales[c] / 4) << i << " " << c;
      EXPECT_LT(after[i].scales[c], before[i].scales[c] * 4) << i << " " << c;
    }
  }
}

TEST(MixedPrecision, measures_its_mixes_with_the_rule_that_is_chosen) {
  Options named;
  named.post_training.samples = 60;
  named.mix = MixOptions{};
  named.mix->limits.bytes = 1000000;
  Options chosen = named;
  chosen.post_training.choose_rule = true;
  named.post_training.calibration.rule = nearest_rule(trained(), squares(600, 1), named.post_training);
  // One that is not chosen stands where nobody should read it.
  chosen.post_training.calibration.rule =
      named.post_training.calibration.rule == RangeRule::kMinMax ? RangeRule::kEntropy : RangeRule::kMinMax;
  const Result a = quantize(trained(), squares(600, 1), named);
  const Result b = quantize(trained(), squares(600, 1), chosen);
  ASSERT_EQ(a.mixed->front.size(), b.mixed->front.size());
  for (size_t i = 0; i < a.mixed->front.size(); ++i)
    EXPECT_EQ(a.mixed->front[i].divergence, b.mixed->front[i].divergence) << i;
}

TEST(PostTraining, an_image_has_its_whole_range_whatever_the_samples_show) {
  const Graph integer = post_training_quantize(trained(), squares(60, 1), {.samples = 20});
  const Quantization& q = *integer.tensor(integer.inputs[0]).quantization;
  EXPECT_EQ(q.scales, (std::vector<float>{1.0F / 255}));
  EXPECT_EQ(q.zero_points, (std::vector<int32_t>{-128}));
}

TEST(FakeQuantized, what_an_operator_fixes_does_not_decide_the_range_of_what_it_meets) {
  GraphBuilder builder("meeting", 1);
  const TensorId x = builder.input("x", {1, 4});
  const TensorId values = builder.fully_connected(x, 3);
  Graph graph = builder.finish({values});
  const TensorId others = graph.append(LeakyRelu{0.5F}, {values}, "others");
  const TensorId sigmoid = graph.append(Sigmoid{}, {values}, "sigmoid");
  const TensorId tanh = graph.append(Tanh{}, {values}, "tanh");
  graph.outputs = {graph.append(Concat{1}, {values, sigmoid}, "both"),
                   graph.append(Concat{1}, {others, sigmoid}, "other"),
                   graph.append(Concat{1}, {tanh, sigmoid}, "fixed")};
  std::vector<Range> ranges(graph.tensors.size(), {-8, 8});
  ranges[static_cast<size_t>(sigmoid)] = {0, 1};
  ranges[static_cast<size_t>(tanh)] = ranges[static_cast<size_t>(graph.outputs[2])] = {-1, 1};
  ranges[static_cast<size_t>(others)] = ranges[static_cast<size_t>(graph.outputs[1])] = {-4, 8};
  const Graph integer = quantize_from_ranges(graph, ranges);
  const Graph again = integer_form(fake_quantized(graph, integer));
  for (const TensorId id :
       {values, others, sigmoid, tanh, graph.outputs[0], graph.outputs[1], graph.outputs[2]}) {
    EXPECT_NEAR(again.tensor(id).quantization->scales[0] / integer.tensor(id).quantization->scales[0], 1,
                0.01)
        << graph.tensor(id).name;
  }
  const Quantization& fixed = *again.tensor(graph.outputs[2]).quantization;
  EXPECT_LE(fixed.scales[0] * static_cast<float>(-128 - fixed.zero_points[0]), -0.99F) << "tanh's negatives";
}

TEST(FakeQuantized, layers_that_share_weights_share_their_steps) {
  GraphBuilder builder("shared", 1);
  TensorId x = builder.fully_connected(builder.input("x", {1, 4}), 4);
  Graph graph = builder.finish({builder.fully_connected(x, 4)});
  graph.nodes[1].inputs[1] = graph.nodes[0].inputs[1];
  const std::vector<Range> ranges(graph.tensors.size(), {-8, 8});
  const auto quantizers_of_weights = [&](const train::FakeQuantizedGraph& network) {
    return std::ranges::count_if(network.quantizers, [&](const train::FakeQuantizer& q) {
      return std::ranges::count(q.tensors, graph.nodes[0].inputs[1]) > 0;
    });
  };
  for (const int32_t bits : {8, 4}) {
    const auto network = fake_quantized(graph, quantize_from_ranges(graph, ranges, {.bits = bits}));
    EXPECT_EQ(quantizers_of_weights(network), 1) << bits;
  }
  // With other bits each has its own, and what is deployed has them, too.
  const Graph two_widths =
      quantize_from_ranges(graph, ranges, {.bits = 8, .layers = {{graph.nodes[1].name, {4, {}}}}});
  const auto network = fake_quantized(graph, two_widths);
  EXPECT_NE(network.graph.nodes[0].inputs[1], network.graph.nodes[1].inputs[1]);
  const Graph again = integer_form(network);
  for (size_t n = 0; n < 2; ++n) {
    const Tensor& weights = again.tensor(again.nodes[n].inputs[1]);
    EXPECT_EQ(weights.quantization->bits, n == 0 ? 8 : 4);
    EXPECT_EQ(weights.data, two_widths.tensor(two_widths.nodes[n].inputs[1]).data);
  }
}

TEST(PostTraining, layers_that_share_weights_in_other_bits_are_fitted_each) {
  GraphBuilder builder("shared", 1);
  TensorId x = builder.flatten(builder.input("x", {1, 8, 8, 1}));
  for (int layer = 0; layer < 2; ++layer) x = builder.fully_connected(x, 64);
  Graph graph = builder.finish({builder.fully_connected(x, 3)});
  graph.nodes[2].inputs[1] = graph.nodes[1].inputs[1];
  PostTrainingOptions options{.samples = 40};
  options.weights.layers = {{graph.nodes[2].name, {4, {}}}};
  options.adaptive_rounding = options.bias_correction = true;
  const Graph integer = post_training_quantize(graph, squares(60, 1), options);
  EXPECT_EQ(integer.tensor(integer.nodes[1].inputs[1]).quantization->bits, 8);
  EXPECT_EQ(integer.tensor(integer.nodes[2].inputs[1]).quantization->bits, 4);
}

TEST(Fidelity, takes_the_probabilities_that_the_network_gives) {
  const auto classifier = [](float factor, float beta) {
    GraphBuilder builder("classifier", 1);
    const TensorId x = builder.flatten(builder.input("x", {1, 8, 8, 1}));
    Graph graph = builder.finish({builder.fully_connected(x, 3)});
    for (const TensorId id : {graph.nodes.back().inputs[1], graph.nodes.back().inputs[2]}) {
      std::vector<float> values(graph.tensor(id).values<float>().begin(),
                                graph.tensor(id).values<float>().end());
      for (float& value : values) value *= factor;
      graph.tensor(id).data = Tensor::to_bytes<float>(values);
    }
    graph.outputs = {graph.append(Softmax{beta}, {graph.outputs[0]}, "softmax")};
    return graph;
  };
  const data::Dataset set = squares(12, 1);
  std::vector<size_t> indices(12);
  std::iota(indices.begin(), indices.end(), size_t{0});
  const FidelityMeter sharp(classifier(1, 4), set, indices, 1);
  const FidelityMeter plain(classifier(4, 1), set, indices, 1);
  const double of_sharp = sharp.measure({classifier(1.25F, 4), {}}).divergence;
  EXPECT_GT(of_sharp, 1e-6);
  EXPECT_NEAR(of_sharp, plain.measure({classifier(5, 1), {}}).divergence, 1e-3 * of_sharp);
}

TEST(FakeQuantized, random_networks_round_as_their_integer_forms_do) {
  for (uint64_t seed = 0; seed < 15; ++seed) {
    Graph graph = test::random_network(Random(seed));
    data::Dataset set;
    set.name = "random";
    const Shape& shape = graph.tensor(graph.inputs[0]).shape;
    set.sample_shape.assign(shape.begin() + 1, shape.end());
    set.class_names = {"a"};
    Random random(seed);
    set.labels.assign(4, 0);
    set.samples.resize(4 * element_count(shape));
    for (uint8_t& value : set.samples) value = static_cast<uint8_t>(random.below(256));
    const PostTraining result = post_training(graph, set, {.samples = 4});
    const Graph again = integer_form(result.network);
    PostTrainingOptions of_16{.samples = 4};
    of_16.weights = test::int16_options(result.network.graph, random.fork(1));
    const Graph rounded = post_training(graph, set, of_16).integer;
    of_16.bias_correction = true;
    const Graph fitted = post_training(graph, set, of_16).integer;
    for (size_t id = 0; id < rounded.tensors.size(); ++id) {
      if (rounded.tensors[id].is_constant()) continue;
      EXPECT_EQ(rounded.tensors[id].quantization, fitted.tensors[id].quantization)
          << seed << ": fitting has moved the range of " << rounded.tensors[id].name;
    }
    for (size_t id = 0; id < result.network.graph.tensors.size(); ++id) {
      const auto& expected = result.integer.tensors[id].quantization;
      const auto& got = again.tensors[id].quantization;
      ASSERT_EQ(expected.has_value(), got.has_value()) << seed;
      if (!expected) continue;
      EXPECT_EQ(expected->zero_points, got->zero_points) << seed << " " << result.integer.tensors[id].name;
      EXPECT_NEAR(got->scales[0] / expected->scales[0], 1, 1e-5) << seed;
    }
  }
}

TEST(Equalize, computes_the_same_with_weights_that_reach_equally_far) {
  GraphBuilder b("chain", 3);
  TensorId x = b.relu(b.conv2d(b.input("image", {1, 6, 6, 2}), 5, {.bias = true}));
  x = b.relu(b.depthwise_conv2d(x, {.bias = true}));
  x = b.relu6(b.conv2d(x, 4, {.kernel_h = 1, .kernel_w = 1, .bias = true}));
  Graph graph = b.finish({b.conv2d(x, 3, {.bias = true})});
  const auto first = graph.tensor(graph.nodes[0].inputs[1]).values<float>();
  for (size_t i = 0; i < 18; ++i) first[i] *= 100;  // one channel far beyond the others
  graph = folded_graph(graph);
  const Equalization result = equalize(graph);
  EXPECT_EQ(result.pairs.size(), 2U);
  EXPECT_EQ(result.skipped.size(), 1U);
  const std::vector<float> input = test::random_input(graph, Random(1));
  const auto expected = test::run_float32(graph, input);
  const auto got = test::run_float32(result.graph, input);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], 1e-4 * (1 + std::abs(expected[i])));
  }
  const auto weights = result.graph.tensor(result.graph.nodes[0].inputs[1]).values<float>();
  const auto next = result.graph.tensor(result.graph.nodes[1].inputs[1]).values<float>();
  for (size_t c = 0; c < 5; ++c) {
    float reach = 0;
    float next_reach = 0;
    for (size_t i = 0; i < 18; ++i) reach = std::max(reach, std::abs(weights[c * 18 + i]));
    for (size_t i = 0; i < 9; ++i) next_reach = std::max(next_reach, std::abs(next[i * 5 + c]));
    EXPECT_NEAR(reach / next_reach, 1, 0.02);
  }
}

TEST(AdaptiveRounding, finds_what_no_single_step_betters_and_is_near_the_best_there_is) {
  // A dense layer of 5 inputs at 2 bits: 3^5 possible rows, all tried.
  GraphBuilder b("dense", 5);
  const Graph graph = b.finish({b.fully_connected(b.input("x", {1, 5}), 4)});
  const Node& node = graph.nodes[0];
  Random random(9);
  double least_total = 0;
  double found_total = 0;
  double nearest_total = 0;
  train::LayerStatistics s{200, 1, 5, 4, std::vector<double>(36), std::vector<double>(24)};
  const auto weights = graph.tensor(node.inputs[1]).values<float>();
  for (int row = 0; row < 200; ++row) {
    const double common = random.normal();  // inputs that go together: rounding each alone is not best
    double x[6];
    for (double& value : x) value = common + 0.4 * random.normal();
    x[5] = 1;
    for (size_t i = 0; i < 6; ++i) {
      for (size_t j = 0; j < 6; ++j) s.gram[i * 6 + j] += x[i] * x[j];
      for (size_t o = 0; o < 4; ++o) {
        double y = 0;
        for (size_t j = 0; j < 5; ++j) y += weights[o * 5 + j] * x[j];
        s.wanted[i * 4 + o] += x[i] * y;
      }
    }
  }
  const float scale = 0.8F;
  const train::FakeQuantizedGraph network{graph, {{{node.inputs[1]}, {scale}, -1, -1, 1, true}}};
  Graph fitted = graph;
  adaptive_rounding(network)(fitted, 0, s);
  const auto error = [&](size_t o, const double* w) {
    double sum = 0;
    for (size_t i = 0; i < 5; ++i) {
      for (size_t j = 0; j < 5; ++j) {
        sum += (w[i] - weights[o * 5 + i]) * (w[j] - weights[o * 5 + j]) * s.gram[i * 6 + j];
      }
    }
    return sum;
  };
  for (size_t o = 0; o < 4; ++o) {
    double least = std::numeric_limits<double>::infinity();
    for (int code = 0; code < 243; ++code) {
      double w[5];
      for (int i = 0, rest = code; i < 5; ++i, rest /= 3) w[i] = scale * (rest % 3 - 1);
      least = std::min(least, error(o, w));
    }
    double found[5];
    double nearest[5];
    for (size_t i = 0; i < 5; ++i) {
      found[i] = fitted.tensor(node.inputs[1]).values<float>()[o * 5 + i];
      nearest[i] = scale * std::clamp(std::round(weights[o * 5 + i] / scale), -1.0F, 1.0F);
    }
    least_total += least;
    found_total += error(o, found);
    nearest_total += error(o, nearest);
  }
  EXPECT_LT(found_total, 0.5 * nearest_total);
  EXPECT_LT(found_total, 2 * least_total + 1e-9);
}

TEST(PostTrainingImprovements, rounding_and_biases_fitted_to_samples_come_nearer_to_the_float_network) {
  PostTrainingOptions options;
  options.samples = 200;
  options.weights.bits = 3;
  options.equalize = options.least_squares_scales = options.adaptive_rounding = options.bias_correction =
      true;
  const PostTraining result = post_training(trained(), squares(600, 1), options);
  ASSERT_EQ(result.gains.size(), 5U);
  const double nearest = result.gains.front().fidelity.signal_to_noise_db;
  EXPECT_GT(result.gains[3].fidelity.signal_to_noise_db, nearest + 3) << "adaptive rounding";
  EXPECT_GT(result.gains[4].fidelity.signal_to_noise_db, nearest + 3) << "bias correction";
  EXPECT_EQ(result.notes.size(), 1U) << "the Relu6";
  const data::Dataset test = squares(1000, 8);
  EXPECT_GE(agreement(integer_predictions(result.integer, test), train::predict(result.network, test, 1)),
            0.995);
  EXPECT_NE(result.integer.metadata.at("calibration").find("adaptive rounding"), std::string::npos);
}

/// Mixes by trying every one.
std::vector<Mix> all_mixes(const std::vector<LayerWidths>& layers) {
  std::vector<Mix> mixes = {{}};
  for (const LayerWidths& layer : layers) {
    std::vector<Mix> next;
    for (const Mix& mix : mixes) {
      for (const WidthChoice& width : layer.widths) {
        Mix longer{mix.bits, mix.bytes + width.bytes, mix.cycles + width.cycles,
                   mix.divergence + width.divergence};
        longer.bits[layer.layer] = width.bits;
        next.push_back(std::move(longer));
      }
    }
    mixes = std::move(next);
  }
  return mixes;
}

TEST(MixFront, holds_exactly_the_mixes_that_no_other_beats) {
  Random random(4);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<LayerWidths> layers;
    for (int l = 0; l < 6; ++l) {
      LayerWidths layer{"layer " + std::to_string(l), {}};
      for (const int32_t bits : {8, 4, 2}) {
        layer.widths.push_back({bits, random.below(50), trial % 2 == 0 ? 0 : random.below(20),
                                static_cast<double>(random.below(1000)) / 1000});
      }
      layers.push_back(std::move(layer));
    }
    MixLimits limits;
    if (trial % 3 == 0) limits.bytes = 140;
    if (trial % 4 == 1) limits.cycles = 50;
    const auto mixes = all_mixes(layers);
    const auto keeps = [&](const Mix& mix) {
      return mix.bytes <= limits.bytes.value_or(1000) && mix.cycles <= limits.cycles.value_or(1000);
    };
    const std::vector<Mix> front = mix_front(layers, limits);
    constexpr double kRounding = 1e-12;
    for (const Mix& mix : front) {
      EXPECT_TRUE(keeps(mix));
      for (const Mix& other : mixes) {
        const bool beats = other.bytes <= mix.bytes && other.cycles <= mix.cycles &&
                           other.divergence < mix.divergence - kRounding;
        EXPECT_FALSE(beats && keeps(other));
      }
    }
    for (const Mix& mix : mixes) {
      if (!keeps(mix)) continue;
      EXPECT_TRUE(std::ranges::any_of(front, [&](const Mix& best) {
        return best.bytes <= mix.bytes && best.cycles <= mix.cycles &&
               best.divergence <= mix.divergence + kRounding;
      }));
    }
  }
  EXPECT_TRUE(mix_front({{LayerWidths{"l", {{8, 10, 0, 0}}}}}, MixLimits{5, {}}).empty());
}

TEST(MixedPrecision, keeps_its_limits_or_says_that_it_cannot) {
  const data::Dataset set = squares(300, 1);
  const PostTrainingOptions start{.samples = 60};
  const MixedPrecision free = mixed_precision(trained(), set, start, {});
  const uint64_t whole = free.front.back().bytes;
  EXPECT_LE(8 * free.chosen.bytes, 5 * whole);
  EXPECT_TRUE(free.chosen.accuracy && free.front.front().accuracy && free.front.back().accuracy);
  MixOptions options;
  options.limits.bytes = whole * 7 / 10;
  const MixedPrecision limited = mixed_precision(trained(), set, start, options);
  EXPECT_LE(limited.chosen.bytes, *options.limits.bytes);
  for (const Mix& mix : limited.front) EXPECT_GE(mix.divergence, limited.chosen.divergence);
  const Result result = quantize(trained(), set, {.post_training = start, .mix = options, .training = {}});
  EXPECT_EQ(result.mixed->chosen.bytes, weight_bytes(result.integer))
      << "what is limited is what is reported";
  options.accuracy_loss = 1.0;  // anything goes: the smallest
  EXPECT_EQ(mixed_precision(trained(), set, start, options).chosen.bytes, free.front.front().bytes);
  options.limits.bytes = 10;
  test::expect_error([&] { mixed_precision(trained(), set, start, options); }, {"limits", "more bytes"});
}

}  // namespace
}  // namespace thimble::quantize
