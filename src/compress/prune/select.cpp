#include "compress/prune/select.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace thimble::prune {
namespace {

/// What a layer's cycles are made of: multiplications, elements read and written, and itself.
using Terms = std::array<double, 3>;

Terms terms_of(const Graph& graph, const Node& node) {
  size_t elements = graph.tensor(node.outputs[0]).elements();
  for (const TensorId id : node.inputs) {
    if (id != kNoTensor && !graph.tensor(id).is_constant()) elements += graph.tensor(id).elements();
  }
  return {static_cast<double>(mac_count(graph, node)), static_cast<double>(elements), 1};
}

double dot(const Terms& a, const Terms& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/// The cycles of each term, none negative: least squares of the relative errors by coordinate descent.
Terms fit(const std::vector<Terms>& terms, const std::vector<double>& cycles) {
  Terms per = {0, 0, 0};
  if (cycles.size() < 2) {
    const size_t which = terms[0][0] > 0 ? 0 : 1;
    per[which] = cycles[0] / terms[0][which];
    return per;
  }
  for (int round = 0; round < 20000; ++round) {
    for (size_t t = 0; t < per.size(); ++t) {
      double slope = 0;
      double curvature = 0;
      for (size_t s = 0; s < cycles.size(); ++s) {
        if (cycles[s] == 0) continue;
        const double term = terms[s][t] / cycles[s];
        slope += term * (1 - dot(per, terms[s]) / cycles[s]);
        curvature += term * term;
      }
      if (curvature > 0) per[t] = std::max(per[t] + slope / curvature, 0.0);
    }
  }
  return per;
}

/// Channels leave one after another, least important first; shapes and cost follow.
class Shrinking {
 public:
  Shrinking(const Graph& graph, std::span<const ChannelGroup> groups, const Importance& importance,
            const Cost& cost, const SelectOptions& options)
      : groups_(groups),
        importance_(importance),
        cost_(cost),
        step_(static_cast<size_t>(options.multiple)),
        shapes_(shapes_without(graph, groups, RemovedChannels(groups.size()))),
        order_(groups.size()),
        gone_(groups.size(), 0),
        least_(groups.size()) {
    for (size_t g = 0; g < groups.size(); ++g) {
      const size_t channels = groups[g].channels.size();
      order_[g].resize(channels);
      std::iota(order_[g].begin(), order_[g].end(), 0);
      least_[g] = groups[g].locked.empty() ? rounded(channels, options.least) : channels;
      if (!groups[g].locked.empty()) continue;
      std::stable_sort(order_[g].begin(), order_[g].end(), [&](int32_t a, int32_t b) {
        return importance[g][static_cast<size_t>(a)] < importance[g][static_cast<size_t>(b)];
      });
    }
  }

  size_t groups() const { return groups_.size(); }
  double cost() const { return cost_(shapes_); }
  size_t staying(size_t g) const { return order_[g].size() - gone_[g]; }

  /// How many of a group stay when a part of it does.
  size_t part(size_t g, double part) const { return std::max(rounded(order_[g].size(), part), least_[g]); }

  /// How many leave when the group is next cut: down to the next multiple. 0: it cannot be cut.
  size_t next(size_t g) const {
    const size_t stay = staying(g);
    const size_t leave = stay % step_ == 0 ? step_ : stay % step_;
    return stay >= least_[g] + leave ? leave : 0;
  }

  double importance_of_next(size_t g) const {
    double sum = 0;
    for (size_t i = 0; i < next(g); ++i) sum += importance_[g][static_cast<size_t>(order_[g][gone_[g] + i])];
    return sum;
  }

  /// Removes channels of a group, or takes them back, until `stay` of them stay.
  void set_staying(size_t g, size_t stay) {
    while (staying(g) > stay) resize(g, order_[g][gone_[g]++], -1);
    while (staying(g) < stay) resize(g, order_[g][--gone_[g]], 1);
  }

  RemovedChannels removed() const {
    RemovedChannels removed(groups());
    for (size_t g = 0; g < groups(); ++g) {
      removed[g].assign(order_[g].begin(), order_[g].begin() + static_cast<std::ptrdiff_t>(gone_[g]));
    }
    return removed;
  }

 private:
  /// A part of some channels, rounded up to the multiple; at least one, at most all.
  size_t rounded(size_t channels, double part) const {
    const double wanted = std::ceil(static_cast<double>(channels) * part - 1e-9);
    const auto at_least = static_cast<size_t>(std::max(wanted, 1.0));
    return std::min((at_least + step_ - 1) / step_ * step_, channels);
  }

  void resize(size_t g, int32_t channel, int32_t change) {
    for (const ChannelSlot& slot : groups_[g].channels[static_cast<size_t>(channel)]) {
      shapes_.tensor(slot.tensor).shape[static_cast<size_t>(slot.axis)] += change;
    }
  }

  std::span<const ChannelGroup> groups_;
  const Importance& importance_;
  const Cost& cost_;
  size_t step_;
  Graph shapes_;
  std::vector<std::vector<int32_t>> order_;  ///< channels of each group, least important first
  std::vector<size_t> gone_;                 ///< so many of them
  std::vector<size_t> least_;                ///< that stay
};

/// The largest common part with which the cost is met.
void shrink_alike(Shrinking& network, double limit) {
  const auto set = [&](double part) {
    for (size_t g = 0; g < network.groups(); ++g) network.set_staying(g, network.part(g, part));
  };
  double low = 0;
  double high = 1;
  for (int i = 0; i < 24; ++i) {
    const double middle = (low + high) / 2;
    set(middle);
    (network.cost() <= limit ? low : high) = middle;
  }
  set(low);
}

/// Each named group to its part.
void shrink_layers(Shrinking& network, std::span<const ChannelGroup> groups,
                   const std::map<std::string, double>& layers) {
  for (const auto& [name, part] : layers) {
    // A layer whose channels go different ways begins several groups.
    const ChannelGroup* locked = nullptr;
    bool is_cut = false;
    for (size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].name != name) continue;
      if (!groups[g].locked.empty()) {
        locked = &groups[g];
        continue;
      }
      network.set_staying(g, network.part(g, part));
      is_cut = true;
    }
    if (is_cut) continue;
    if (locked != nullptr) {
      throw Error(fmt::format("The layer '{}'", name), fmt::format("keeps its channels: {}", locked->locked),
                  "Leave it out of layers");
    }
    throw Error(fmt::format("The layer '{}'", name), "begins no group of channels",
                "Name the first layer of each group that shall shrink");
  }
}

void shrink_by_rank(Shrinking& network, double limit, bool by_cost) {
  std::vector<double> scores(network.groups());
  const auto score = [&](size_t g) {
    const size_t leave = network.next(g);
    if (leave == 0) return std::numeric_limits<double>::infinity();
    const double importance = network.importance_of_next(g);
    if (!by_cost) return importance / static_cast<double>(leave);
    const double before = network.cost();
    network.set_staying(g, network.staying(g) - leave);
    const double saved = before - network.cost();
    network.set_staying(g, network.staying(g) + leave);
    return saved > 0 ? importance / saved : std::numeric_limits<double>::max();
  };
  // What a channel saves changes with its neighbours: all are looked at anew after every hundredth.
  double seen = std::numeric_limits<double>::infinity();
  for (double now = network.cost(); now > limit; now = network.cost()) {
    if (now < 0.99 * seen) {
      for (size_t g = 0; g < scores.size(); ++g) scores[g] = score(g);
      seen = now;
    }
    const auto g = static_cast<size_t>(std::min_element(scores.begin(), scores.end()) - scores.begin());
    if (std::isinf(scores[g])) return;
    network.set_staying(g, network.staying(g) - network.next(g));
    scores[g] = score(g);
  }
}

}  // namespace

Ranking ranking_named(std::string_view name) {
  if (name == "local") return Ranking::kLocal;
  if (name == "global") return Ranking::kGlobal;
  if (name == "per-cost") return Ranking::kPerCost;
  throw Error(fmt::format("The ranking '{}'", name), "is not known", "Take local, global or per-cost",
              ExitCode::kUsage);
}

Cost cycles_model(std::span<const CountedSize> sizes) {
  std::vector<Terms> per_term;
  for (size_t n = 0; n < sizes[0].shapes.nodes.size(); ++n) {
    const std::string& name = sizes[0].shapes.nodes[n].name;
    std::vector<Terms> terms;
    std::vector<double> cycles;
    for (const CountedSize& size : sizes) {
      const auto layer = std::ranges::find(size.counted.layers, name, &deploy::LayerProfile::name);
      const bool is_counted = layer != size.counted.layers.end();
      cycles.push_back(is_counted ? static_cast<double>(layer->cycles.value_or(0)) : 0);
      terms.push_back(terms_of(size.shapes, size.shapes.nodes[n]));
    }
    per_term.push_back(fit(terms, cycles));
  }
  return [per_term](const Graph& shapes) {
    double cycles = 0;
    for (size_t n = 0; n < per_term.size(); ++n) {
      cycles += dot(per_term[n], terms_of(shapes, shapes.nodes[n]));
    }
    return cycles;
  };
}

RemovedChannels select_channels(const Graph& graph, std::span<const ChannelGroup> groups,
                                const Importance& importance, const Cost& cost,
                                const SelectOptions& options) {
  Shrinking network(graph, groups, importance, cost, options);
  if (!options.layers.empty()) {
    shrink_layers(network, groups, options.layers);
    return network.removed();
  }
  const double whole = network.cost();
  const double limit = options.keep * whole * (1 + 1e-12);
  if (options.ranking == Ranking::kLocal) {
    shrink_alike(network, limit);
  } else {
    shrink_by_rank(network, limit, options.ranking == Ranking::kPerCost);
  }
  if (network.cost() <= limit) return network.removed();
  std::string locked;
  for (const ChannelGroup& group : groups) {
    if (!group.locked.empty()) locked = fmt::format("; '{}' cannot be cut: {}", group.name, group.locked);
  }
  throw Error(graph.name,
              fmt::format("would keep {:.1f} % when cut as far as it can be, {:.1f} % is asked for{}",
                          100 * network.cost() / whole, 100 * options.keep, locked),
              "Keep more, or lower `least` or `multiple`", ExitCode::kBudget);
}

}  // namespace thimble::prune
