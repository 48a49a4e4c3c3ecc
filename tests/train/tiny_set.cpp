#include "train/tiny_set.h"

#include "graph/builder.h"

namespace thimble::test {

data::Dataset tiny_set(size_t samples) {
  data::Dataset set;
  set.name = "tiny";
  set.sample_shape = {8, 8, 1};
  set.class_names = {"left", "right", "below"};
  Random random(1);
  for (size_t i = 0; i < samples; ++i) {
    const auto label = static_cast<int32_t>(i % 3);
    const int32_t top = label == 2 ? 5 : 1;
    const int32_t left = label == 0 ? 0 : label == 1 ? 5 : 3;
    for (int32_t y = 0; y < 8; ++y) {
      for (int32_t x = 0; x < 8; ++x) {
        const bool bright = y >= top && y < top + 3 && x >= left && x < left + 3;
        set.samples.push_back(static_cast<uint8_t>((bright ? 150 : 0) + random.below(100)));
      }
    }
    set.labels.push_back(label);
  }
  return set;
}

Graph tiny_network() {
  GraphBuilder b("tiny", 1);
  TensorId x = b.input("image", {1, 8, 8, 1});
  x = b.relu(b.batch_norm(b.conv2d(x, 4, {.stride_h = 2, .stride_w = 2})));
  x = b.fully_connected(b.flatten(x), 3);
  return b.finish({b.softmax(x)});
}

}  // namespace thimble::test
