#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph resnet8(const Settings& settings) {
  GraphBuilder b("resnet8", settings.seed);
  TensorId x = b.input("image", settings.input);
  x = b.relu(b.batch_norm(b.conv2d(x, scaled(16, settings.width), {})));
  const auto stack = [&](int32_t channels, int32_t stride) {
    const int32_t filters = scaled(channels, settings.width);
    TensorId y = b.relu(b.batch_norm(b.conv2d(x, filters, {.stride_h = stride, .stride_w = stride})));
    y = b.batch_norm(b.conv2d(y, filters, {}));
    if (stride != 1) {
      x = b.conv2d(x, filters,
                   {.kernel_h = 1, .kernel_w = 1, .stride_h = stride, .stride_w = stride, .bias = true});
    }
    x = b.relu(b.add(x, y));
  };
  stack(16, 1);
  stack(32, 2);
  stack(64, 2);
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.fully_connected(x, settings.classes))});
}

}  // namespace thimble::zoo
