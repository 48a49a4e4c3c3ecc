#include "graph/builder.h"
#include "zoo/zoo.h"

namespace thimble::zoo {

Graph resnet8(uint64_t seed) {
  GraphBuilder b("resnet8", seed);
  TensorId x = b.input("image", {1, 32, 32, 3});
  x = b.relu(b.batch_norm(b.conv2d(x, 16, {})));
  const auto stack = [&](int32_t filters, int32_t stride) {
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
  return b.finish({b.softmax(b.fully_connected(x, 10))});
}

}  // namespace thimble::zoo
