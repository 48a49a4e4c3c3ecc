#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph lenet(const Settings& settings) {
  GraphBuilder b("lenet", settings.seed);
  TensorId x = b.input("image", settings.input);
  const auto block = [&](int32_t filters, PaddingMode padding) {
    const int32_t channels = scaled(filters, settings.width);
    x = b.relu(b.conv2d(x, channels, {.kernel_h = 5, .kernel_w = 5, .padding = padding, .bias = true}));
    x = b.max_pool(x, 2, 2);
  };
  block(6, PaddingMode::kSame);
  block(16, PaddingMode::kValid);
  x = b.flatten(x);
  x = b.relu(b.fully_connected(x, scaled(120, settings.width)));
  x = b.relu(b.fully_connected(x, scaled(84, settings.width)));
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
