#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph har_resnet(const Settings& settings) {
  GraphBuilder b("har_resnet", settings.seed);
  TensorId x = b.input("signal", settings.input);
  const auto separable = [&](TensorId from, int32_t filters, int32_t stride) {
    const TensorId depthwise =
        b.batch_norm(b.depthwise_conv2d(from, {.kernel_h = 1, .kernel_w = 7, .stride_w = stride}));
    return b.batch_norm(b.conv2d(depthwise, filters, {.kernel_h = 1, .kernel_w = 1}));
  };
  const auto stage = [&](int32_t channels, int32_t stride) {
    const int32_t filters = scaled(channels, settings.width);
    for (const int32_t step : {stride, 1}) {
      const TensorId y = separable(b.relu(separable(x, filters, step)), filters, 1);
      if (step != 1) {
        x = b.batch_norm(b.conv2d(x, filters, {.kernel_h = 1, .kernel_w = 1, .stride_w = step}));
      }
      x = b.relu(b.add(x, y));
    }
  };
  const ConvOptions first = {.kernel_h = 1, .kernel_w = 7, .stride_w = 2};
  x = b.relu(b.batch_norm(b.conv2d(x, scaled(48, settings.width), first)));
  stage(48, 1);
  stage(64, 2);
  stage(96, 2);
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
