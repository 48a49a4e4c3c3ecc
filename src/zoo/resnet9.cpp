#include "graph/builder.h"
#include "zoo/architectures.h"

namespace thimble::zoo {

Graph resnet9(const Settings& settings) {
  GraphBuilder b("resnet9", settings.seed);
  TensorId x = b.input("image", settings.input);
  const auto convolve = [&](TensorId from, int32_t filters) {
    return b.relu(b.batch_norm(b.conv2d(from, scaled(filters, settings.width), {})));
  };
  const auto stage = [&](int32_t filters, bool residual) {
    x = b.max_pool(convolve(x, filters), 2, 2);
    if (residual) x = b.add(x, convolve(convolve(x, filters), filters));
  };
  x = convolve(x, 64);
  stage(128, true);
  stage(256, false);
  stage(512, true);
  x = b.flatten(b.global_max_pool(x));
  return b.finish({b.softmax(b.classifier(x, settings.classes))});
}

}  // namespace thimble::zoo
