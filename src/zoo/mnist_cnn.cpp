#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph mnist_cnn(const Settings& settings) {
  GraphBuilder b("mnist_cnn", settings.seed);
  TensorId x = b.input("image", settings.input);
  const auto block = [&](int32_t filters, int32_t kernel, int32_t stride) {
    x = b.relu(b.batch_norm(
        b.conv2d(x, scaled(filters, settings.width),
                 {.kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride})));
  };
  block(16, 5, 2);
  block(32, 3, 2);
  block(32, 3, 1);
  block(48, 3, 1);
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.fully_connected(x, settings.classes))});
}

}  // namespace thimble::zoo
