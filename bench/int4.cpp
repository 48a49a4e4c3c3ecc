// Whole networks with all weights in 4 bits beside themselves with 8, on the emulated nano33ble: what
// `thimble profile` says of each. The weights are untrained, which changes nothing of what a layer costs.
//
//     build/release/bench_int4 [NETWORK...]      default: resnet8 ds-cnn
//
// Ends with 1 if a network takes more than 1.05 times the cycles with 4 bits.
#include <fmt/format.h>

#include "base/random.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "graph/quantize_from_ranges.h"
#include "zoo/zoo.h"

namespace {

using namespace thimble;

deploy::Profile profile_of(const Graph& network, int32_t bits, const device::DeviceProfile& device) {
  const Graph graph =
      quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-4, 4}), {.bits = bits});
  Random random(1);
  std::vector<std::byte> sample;
  for (size_t i = 0; i < graph.tensor(graph.inputs[0]).bytes(); ++i) {
    sample.push_back(static_cast<std::byte>(random.below(256)));
  }
  return deploy::profile(graph, device, sample);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> networks(argv + 1, argv + argc);
  if (networks.empty()) networks = {"resnet8", "ds-cnn"};
  const device::DeviceProfile device = device::load_device("nano33ble");
  fmt::print("{:<12}{:>6}{:>12}{:>9}{:>9}{:>9}{:>9}\n", "", "bits", "cycles", "over 8", "RAM", "weights",
             "code");
  bool slower = false;
  for (const std::string& name : networks) {
    const Graph network = deploy::prepare(zoo::build(name, 1));
    const deploy::Profile eight = profile_of(network, 8, device);
    const deploy::Profile four = profile_of(network, 4, device);
    const auto cycles = static_cast<double>(eight.cycles.value());
    for (const auto& [bits, profile] : {std::pair(8, eight), std::pair(4, four)}) {
      const double ratio = static_cast<double>(profile.cycles.value()) / cycles;
      fmt::print("{:<12}{:>6}{:>12}{:>9.3f}{:>9}{:>9}{:>9}\n", name, bits, *profile.cycles, ratio,
                 profile.arena_bytes + profile.stack_bytes.value(), profile.weights_bytes,
                 profile.code_bytes.value());
      slower = slower || ratio > 1.05;
    }
  }
  return slower ? 1 : 0;
}
