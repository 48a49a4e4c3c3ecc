#pragma once

#include <cstdint>
#include <string_view>

namespace thimble::prune {

/// What is removed at a time.
enum class Granularity : uint8_t {
  // Channels, which leave the network physically.
  kFilter,   ///< judged by the filters that compute them (Li et al., ICLR 2017)
  kChannel,  ///< judged by the weights that read them (He et al., ICCV 2017)
  // Weights, which become zero and stay where they are.
  kKernel,    ///< the window from one input channel to one output channel (Mao et al., CVPR workshops 2017)
  kBlock1x4,  ///< four weights of one output channel that are neighbours in memory
  kBlock4x1,  ///< the same weight of four neighbouring output channels
  kWeight     ///< one (Han et al., NeurIPS 2015)
};

/// "filter", "channel", "kernel", "block-1x4", "block-4x1" or "weight". Throws Error for another name.
Granularity granularity_named(std::string_view name);
std::string_view name_of(Granularity granularity);

/// Whether it makes weights zero instead of removing channels.
inline bool is_mask(Granularity granularity) {
  return granularity != Granularity::kFilter && granularity != Granularity::kChannel;
}

}  // namespace thimble::prune
