#include "compress/prune/int8_profile.h"

#include "compress/quantize/post_training.h"

namespace thimble::prune {

deploy::Profile int8_profile(const Graph& graph, const data::Dataset& dataset,
                             const device::DeviceProfile& device) {
  const Graph quantized = quantize::post_training_quantize(graph, dataset, {.samples = 64});
  const std::vector<std::byte> sample(quantized.tensor(quantized.inputs[0]).bytes());
  return deploy::profile(quantized, device, sample);
}

}  // namespace thimble::prune
