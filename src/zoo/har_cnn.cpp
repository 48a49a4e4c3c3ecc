#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph har_cnn(const Settings& settings) {
  GraphBuilder b("har_cnn", settings.seed);
  TensorId x = b.input("signal", settings.input);
  const auto convolve = [&](int32_t filters, int32_t kernel) {
    x = b.relu(
        b.batch_norm(b.conv2d(x, scaled(filters, settings.width), {.kernel_h = 1, .kernel_w = kernel})));
  };
  const auto halve = [&] { x = b.max_pool(x, {.kernel_h = 1, .stride_h = 1}); };
  convolve(40, 7);
  halve();
  convolve(64, 5);
  halve();
  convolve(64, 5);
  halve();
  convolve(64, 3);
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
