#include <algorithm>

#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph ds_cnn(const Settings& settings) {
  GraphBuilder b("ds_cnn", settings.seed);
  TensorId x = b.input("features", settings.input);
  const int32_t filters = scaled(64, settings.width);
  const ConvOptions first = {.kernel_h = std::min(10, settings.input[1]),
                             .kernel_w = std::min(4, settings.input[2]),
                             .stride_h = 2,
                             .stride_w = 2};
  x = b.relu(b.batch_norm(b.conv2d(x, filters, first)));
  for (int i = 0; i < 4; ++i) {
    x = b.relu(b.batch_norm(b.depthwise_conv2d(x, {})));
    x = b.relu(b.batch_norm(b.conv2d(x, filters, {.kernel_h = 1, .kernel_w = 1})));
  }
  x = b.global_average_pool(x);
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
