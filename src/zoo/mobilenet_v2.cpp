#include <algorithm>

#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {
namespace {

/// The nearest multiple of 8 that takes away no more than a tenth.
int32_t make_divisible(double channels) {
  const int32_t nearest = std::max(8, static_cast<int32_t>(channels + 4) / 8 * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}

struct Stage {
  int32_t expansion, channels, blocks, stride;
};
constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
                             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

}  // namespace

Graph mobilenet_v2(const Settings& settings) {
  GraphBuilder b("mobilenet_v2", settings.seed);
  TensorId x = b.input("image", settings.input);
  int32_t channels = make_divisible(32 * settings.width);
  const auto pointwise = [&](TensorId from, int32_t filters) {
    return b.batch_norm(b.conv2d(from, filters, {.kernel_h = 1, .kernel_w = 1}));
  };
  x = b.relu6(b.batch_norm(b.conv2d(x, channels, {})));
  for (const Stage& stage : kStages) {
    const int32_t filters = make_divisible(stage.channels * settings.width);
    for (int i = 0; i < stage.blocks; ++i) {
      const int32_t stride = i == 0 ? stage.stride : 1;
      TensorId y = x;
      if (stage.expansion != 1) y = b.relu6(pointwise(y, channels * stage.expansion));
      y = b.relu6(b.batch_norm(b.depthwise_conv2d(y, {.stride_h = stride, .stride_w = stride})));
      y = pointwise(y, filters);
      x = stride == 1 && filters == channels ? b.add(x, y) : y;
      channels = filters;
    }
  }
  x = b.relu6(pointwise(x, make_divisible(1280 * std::max(1.0, settings.width))));
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
