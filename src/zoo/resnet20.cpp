#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph resnet20(const Settings& settings) {
  GraphBuilder b("resnet20", settings.seed);
  TensorId x = b.input("image", settings.input);
  const auto convolve = [&](TensorId from, int32_t filters, int32_t kernel, int32_t stride) {
    return b.batch_norm(b.conv2d(
        from, filters, {.kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride}));
  };
  const auto block = [&](int32_t filters, int32_t stride) {
    const TensorId y = convolve(b.relu(convolve(x, filters, 3, stride)), filters, 3, 1);
    if (stride != 1) x = convolve(x, filters, 1, stride);
    x = b.relu(b.add(x, y));
  };
  const auto stage = [&](int32_t channels, int32_t stride) {
    const int32_t filters = scaled(channels, settings.width);
    block(filters, stride);
    for (int i = 1; i < 3; ++i) block(filters, 1);
  };
  x = b.relu(convolve(x, scaled(16, settings.width), 3, 1));
  stage(16, 1);
  stage(32, 2);
  stage(64, 2);
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
