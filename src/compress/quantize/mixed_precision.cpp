#include "compress/quantize/mixed_precision.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "compress/quantize/fake_quantized.h"
#include "compress/quantize/weight_fits.h"
#include "deploy/profile.h"

namespace thimble::quantize {
namespace {

/// Into how many parts the mixes whose accuracy is measured cut the front.
constexpr size_t kMeasured = 12;

/// A mix of the layers so far, and the one of the layers before that it goes on from.
struct Partial {
  uint64_t bytes = 0;
  uint64_t cycles = 0;
  double divergence = 0;
  size_t before = 0;
  int32_t bits = 0;
};

/// Those that no other beats or equals in all three, by bytes.
std::vector<Partial> unbeaten(std::vector<Partial> all) {
  std::ranges::sort(all, [](const Partial& a, const Partial& b) {
    return std::tie(a.bytes, a.cycles, a.divergence) < std::tie(b.bytes, b.cycles, b.divergence);
  });
  std::vector<Partial> result;
  // Of what has fewer bytes: the least divergence with at most so many cycles; both fall and rise together.
  std::map<uint64_t, double> least;
  for (const Partial& mix : all) {
    auto after = least.upper_bound(mix.cycles);
    if (after != least.begin() && std::prev(after)->second <= mix.divergence) continue;
    after = least.lower_bound(mix.cycles);
    while (after != least.end() && after->second >= mix.divergence) after = least.erase(after);
    least[mix.cycles] = mix.divergence;
    result.push_back(mix);
  }
  return result;
}

/// The layers' cycles by name, of a network on the device.
std::map<std::string, uint64_t> cycles_by_layer(const Graph& integer, const device::DeviceProfile& device) {
  size_t bytes = 0;
  for (const TensorId id : integer.inputs) bytes += integer.tensor(id).bytes();
  const deploy::Profile profile = deploy::profile(integer, device, std::vector<std::byte>(bytes));
  std::map<std::string, uint64_t> cycles;
  for (const deploy::LayerProfile& layer : profile.layers) {
    if (!layer.cycles) {
      throw Error(fmt::format("Device '{}'", profile.device), profile.why,
                  "Choose widths by bytes alone: leave the device out");
    }
    cycles[layer.name] = *layer.cycles;
  }
  return cycles;
}

/// What a layer's weights and bias take in the network's file.
uint64_t layer_bytes(const Graph& integer, std::string_view layer) {
  const Node& node = *std::ranges::find(integer.nodes, layer, &Node::name);
  uint64_t bytes = 0;
  for (const TensorId id : std::span(node.inputs).subspan(1)) bytes += integer.tensor(id).bytes();
  return bytes;
}

/// Which of the front is the best for the options.
size_t choose(std::vector<Mix>& front, const MixOptions& options, uint64_t whole_bytes,
              const std::function<double(Mix&)>& accuracy_loss) {
  if (front.empty()) {
    throw Error("Mixed precision", "no widths of the layers keep the limits",
                "Allow more bytes or cycles, allow fewer bits, or make the network smaller first",
                ExitCode::kBudget);
  }
  if (options.accuracy_loss) {
    for (size_t i = 0; i < front.size(); ++i) {
      if (accuracy_loss(front[i]) <= *options.accuracy_loss) return i;
    }
    throw Error(
        "Mixed precision",
        fmt::format("no mix within the limits loses at most {} of accuracy", percent(*options.accuracy_loss)),
        "Allow more loss or more bytes, or train with quantization: --method qat", ExitCode::kBudget);
  }
  const bool limited = options.limits.bytes || options.limits.cycles;
  size_t best = 0;
  for (size_t i = 1; i < front.size(); ++i) {
    if ((limited || 8 * front[i].bytes <= 5 * whole_bytes) && front[i].divergence < front[best].divergence)
      best = i;
  }
  return best;
}

}  // namespace

std::vector<Mix> mix_front(std::span<const LayerWidths> layers, const MixLimits& limits) {
  const uint64_t most_bytes = limits.bytes.value_or(std::numeric_limits<uint64_t>::max());
  const uint64_t most_cycles = limits.cycles.value_or(std::numeric_limits<uint64_t>::max());
  // What the layers behind take at least, so that what cannot end within the limits is left out at once.
  std::vector<Partial> rest(layers.size() + 1);
  for (size_t l = layers.size(); l-- > 0;) {
    const auto& widths = layers[l].widths;
    rest[l].bytes = rest[l + 1].bytes + std::ranges::min(widths, {}, &WidthChoice::bytes).bytes;
    rest[l].cycles = rest[l + 1].cycles + std::ranges::min(widths, {}, &WidthChoice::cycles).cycles;
  }
  std::vector<std::vector<Partial>> steps = {{Partial{}}};
  for (size_t l = 0; l < layers.size(); ++l) {
    std::vector<Partial> next;
    for (size_t before = 0; before < steps.back().size(); ++before) {
      const Partial& from = steps.back()[before];
      for (const WidthChoice& width : layers[l].widths) {
        const Partial mix{from.bytes + width.bytes, from.cycles + width.cycles,
                          from.divergence + width.divergence, before, width.bits};
        if (mix.bytes + rest[l + 1].bytes > most_bytes || mix.cycles + rest[l + 1].cycles > most_cycles)
          continue;
        next.push_back(mix);
      }
    }
    steps.push_back(unbeaten(std::move(next)));
  }
  std::vector<Mix> front;
  for (const Partial& end : steps.back()) {
    Mix mix{{}, end.bytes, end.cycles, end.divergence};
    Partial at = end;
    for (size_t l = layers.size(); l-- > 0;) {
      mix.bits[layers[l].layer] = at.bits;
      at = steps[l][at.before];
    }
    front.push_back(std::move(mix));
  }
  return front;
}

MixedPrecision mixed_precision(const Graph& graph, const data::Dataset& dataset,
                               const PostTrainingOptions& post_training, const MixOptions& options) {
  const Graph folded = folded_graph(graph);
  const auto samples = data::draw_by_class(dataset, post_training.samples, Random(post_training.seed));
  const std::vector<Range> ranges = calibrate(folded, dataset, samples, post_training.calibration);
  const auto network_of = [&](const QuantizeOptions& weights) {
    return fake_quantized(folded,
                          quantize_from_ranges(folded, ranges, least_squares_scales(folded, weights)));
  };
  const FidelityMeter meter(folded, dataset, samples, post_training.threads);
  const QuantizeOptions of_8_bits = with_weights_of_8_bits(post_training.weights);
  const double base = meter.measure(network_of(of_8_bits)).divergence;
  const uint64_t whole_bytes = weight_bytes(quantize_from_ranges(folded, ranges, of_8_bits));

  MixedPrecision result;
  for (const Node& node : folded.nodes) {
    if (has_weights(node.op)) result.layers.push_back({node.name, {}});
  }
  for (const int32_t bits : options.widths) {
    QuantizeOptions all = of_8_bits;
    all.bits = bits;
    const Graph integer = quantize_from_ranges(folded, ranges, all);
    std::map<std::string, uint64_t> cycles;
    if (options.device) cycles = cycles_by_layer(integer, *options.device);
    for (LayerWidths& layer : result.layers) {
      WidthChoice choice{bits, layer_bytes(integer, layer.layer), cycles[layer.layer], 0};
      if (bits < 8) {
        // What lies below the 8-bit network's own divergence is chance.
        QuantizeOptions weights = of_8_bits;
        weights.layers[layer.layer] = {bits};
        const auto network = network_of(weights);
        choice.divergence = std::max(0.0, meter.measure(network).divergence - base);
      }
      layer.widths.push_back(choice);
    }
  }
  result.front = mix_front(result.layers, options.limits);
  const auto measure = [&](Mix& mix) {
    QuantizeOptions weights = of_8_bits;
    for (const auto& [layer, bits] : mix.bits) weights.layers[layer] = {bits};
    if (!mix.accuracy) mix.accuracy = meter.measure(network_of(weights)).accuracy;
    return *mix.accuracy;
  };
  const size_t chosen = choose(result.front, options, whole_bytes,
                               [&](Mix& mix) { return meter.reference_accuracy() - measure(mix); });
  const size_t last = result.front.size() - 1;
  for (size_t i = 0; i <= kMeasured; ++i) measure(result.front[i * last / kMeasured]);
  measure(result.front[chosen]);
  result.chosen = result.front[chosen];
  return result;
}

}  // namespace thimble::quantize
