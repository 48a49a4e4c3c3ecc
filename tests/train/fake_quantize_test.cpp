#include "train/fake_quantize.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/files.h"
#include "graph/builder.h"
#include "support/expect_error.h"
#include "train/executor.h"
#include "train/predict.h"
#include "train/tiny_set.h"
#include "train/trainer.h"

namespace thimble::train {
namespace {

using torch::Tensor;

/// LSQ written with libtorch's operators and its automatic gradients, in float64.
Tensor lsq(const Tensor& x, const Tensor& scale, double lowest, double highest, double factor) {
  const Tensor slowed = (scale - scale * factor).detach() + scale * factor;
  const Tensor v = (x / slowed).clamp(lowest, highest);
  return (v + (v.round() - v).detach()) * slowed;
}

void expect_close(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LE((a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>(), tolerance);
}

void compare(const Tensor& x, std::vector<float> scale_values, int32_t axis, bool is_batch,
             int32_t highest = 7) {
  const FakeQuantizer quantizer{{}, scale_values, axis, -7, highest, true};
  const Tensor leaf = x.clone().requires_grad_(true);
  const Tensor scales = torch::tensor(scale_values).requires_grad_(true);
  const Tensor y = fake_quantize(leaf, scales, quantizer, is_batch);
  const Tensor weights = torch::randn(x.sizes());
  const auto got = torch::autograd::grad({y}, {leaf, scales}, {weights});

  const Tensor exact = x.to(torch::kFloat64).requires_grad_(true);
  const Tensor exact_scales = torch::tensor(scale_values).to(torch::kFloat64).requires_grad_(true);
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  if (axis >= 0) shape[static_cast<size_t>(axis)] = exact_scales.numel();
  const auto sharing = static_cast<double>(x.numel() / (is_batch ? x.size(0) : exact_scales.numel()));
  const Tensor expected = lsq(exact, exact_scales.reshape(shape), -7, highest, 1 / std::sqrt(sharing * 7));
  const auto slopes = torch::autograd::grad({expected}, {exact, exact_scales}, {weights.to(torch::kFloat64)});
  expect_close(y, expected, 1e-5);
  expect_close(got[0], slopes[0], 1e-6);
  expect_close(got[1], slopes[1], 1e-3);
}

TEST(FakeQuantize, values_and_slopes_are_those_of_lsq_in_libtorchs_operators) {
  torch::manual_seed(3);
  compare(torch::randn({5, 6, 7, 8}), {0.13F}, -1, true);
  compare(torch::randn({5, 6, 7, 8}), {0.13F}, -1, true, 0);  // of what is never positive
  compare(torch::randn({12, 40}), {0.13F}, -1, false);        // a dense layer's
  compare(torch::randn({4, 3, 3, 5}), {0.1F, 0.2F, 0.3F, 0.05F}, 0, false);
  compare(torch::randn({1, 3, 3, 5}), {0.1F, 0.2F, 0.3F, 0.05F, 1.0F}, 3, false);
}

TEST(FakeQuantize, a_scale_below_zero_is_taken_as_the_smallest_there_is) {
  const FakeQuantizer quantizer{{}, {-1}, -1, -128, 127, true};
  const Tensor y = fake_quantize(torch::ones({1, 4}), torch::tensor({-1.0F}), quantizer, true);
  EXPECT_TRUE(torch::isfinite(y).all().item<bool>());
}

/// The tiny network without its batch norm, every edge and weight rounded.
FakeQuantizedGraph tiny_rounded() {
  FakeQuantizedGraph network;
  GraphBuilder b("tiny", 1);
  TensorId x = b.input("image", {1, 8, 8, 1});
  x = b.relu(b.conv2d(x, 4, {.stride_h = 2, .stride_w = 2, .bias = true}));
  network.graph = b.finish({b.softmax(b.fully_connected(b.flatten(x), 3))});
  const auto& nodes = network.graph.nodes;
  network.quantizers = {{{nodes[0].inputs[0]}, {1 / 255.0F}, -1, 0, 255, false},
                        {{nodes[0].inputs[1]}, {0.1F, 0.1F, 0.1F, 0.1F}, 0, -7, 7, true},
                        {{nodes[1].outputs[0]}, {0.02F}, -1, 0, 255, true},
                        {{nodes[3].inputs[1]}, {0.1F}, -1, -7, 7, true}};
  return network;
}

TEST(TrainQuantized, learns_with_four_bit_weights_and_moves_the_scales_that_it_may) {
  const data::Dataset set = test::tiny_set(120);
  TrainOptions options;
  options.epochs = 25;
  options.batch_size = 24;
  options.shard_size = 8;
  options.threads = 1;
  options.learning_rate = 0.05;
  const FakeQuantizedGraph start = tiny_rounded();
  const FakeQuantizedGraph trained = train_quantized(start, set, options);
  EXPECT_EQ(trained.quantizers[0].scales, start.quantizers[0].scales);
  for (const size_t i : {1, 2, 3}) EXPECT_NE(trained.quantizers[i].scales, start.quantizers[i].scales);
  const auto classes = predict(trained, set, 1);
  size_t correct = 0;
  for (size_t i = 0; i < classes.size(); ++i) correct += classes[i] == set.labels[i] ? 1 : 0;
  EXPECT_GE(correct, 117U);
}

TEST(TrainQuantized, resumes_to_the_same_scales_and_knows_another_width_as_another_training) {
  const data::Dataset set = test::tiny_set(48);
  const TemporaryFolder folder;
  TrainOptions options;
  options.epochs = 3;
  options.batch_size = 24;
  options.shard_size = 8;
  options.threads = 1;
  options.ema = 0.9;
  const FakeQuantizedGraph whole = train_quantized(tiny_rounded(), set, options);
  TrainHooks hooks;
  hooks.checkpoint = folder.path() / "qat.checkpoint";
  hooks.on_epoch = [](const EpochMetrics& metrics) {
    if (metrics.epoch == 2) throw std::runtime_error("stopped");
  };
  EXPECT_THROW(train_quantized(tiny_rounded(), set, options, hooks), std::runtime_error);
  hooks.on_epoch = {};
  const FakeQuantizedGraph resumed = train_quantized(tiny_rounded(), set, options, hooks);
  for (size_t i = 0; i < whole.quantizers.size(); ++i) {
    EXPECT_EQ(whole.quantizers[i].scales, resumed.quantizers[i].scales);
  }
  FakeQuantizedGraph other = tiny_rounded();
  other.quantizers[1].highest = 3;
  test::expect_error([&] { train_quantized(other, set, options, hooks); }, {"another"});
}

}  // namespace
}  // namespace thimble::train
