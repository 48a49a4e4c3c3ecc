#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph har_resnet(const Settings& settings) {
  GraphBuilder b("har_resnet", settings.seed);
  TensorId x = b.input("signal", settings.input);
  const auto conv = [&](TensorId from, int32_t filters, int32_t kernel, int32_t stride) {
    return b.batch_norm(b.conv2d(from, filters, {.kernel_h = 1, .kernel_w = kernel, .stride_w = stride}));
  };
  const auto stack = [&](int32_t channels, int32_t stride) {
    const int32_t filters = scaled(channels, settings.width);
    const TensorId y = conv(b.relu(conv(x, filters, 5, stride)), filters, 5, 1);
    if (stride != 1) {
      x = b.conv2d(x, filters, {.kernel_h = 1, .kernel_w = 1, .stride_w = stride, .bias = true});
    }
    x = b.relu(b.add(x, y));
  };
  x = b.relu(conv(x, scaled(32, settings.width), 9, 2));
  stack(32, 1);
  stack(48, 2);
  stack(64, 2);
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
