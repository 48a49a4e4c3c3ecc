#include "compress/prune/importance.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "compress/prune/places.h"
#include "train/loss_gradients.h"

namespace thimble::prune {
namespace {

using Filter = std::vector<float>;

/// The filters of a group's channels in each of its layers: [layer][channel].
std::map<Place, std::vector<Filter>> filters_of(const Graph& graph, const ChannelGroup& group,
                                                const std::set<Place>& wanted) {
  std::map<Place, std::vector<Filter>> layers;
  for (size_t c = 0; c < group.channels.size(); ++c) {
    for (const ChannelSlot& slot : group.channels[c]) {
      const Tensor& tensor = graph.tensor(slot.tensor);
      if (!wanted.contains({slot.tensor, slot.axis}) || !tensor.is_constant()) continue;
      auto& filters = layers[{slot.tensor, slot.axis}];
      filters.resize(group.channels.size());
      const auto values = tensor.values<float>();
      for_each_element(tensor.shape, slot, [&](size_t i) { filters[c].push_back(values[i]); });
    }
  }
  return layers;
}

double distance(const Filter& a, const Filter& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return std::sqrt(squares);
}

double judge(Criterion criterion, const std::vector<Filter>& filters, size_t channel) {
  double sum = 0;
  if (criterion == Criterion::kFpgm) {
    for (const Filter& other : filters) sum += distance(filters[channel], other);
    return sum;
  }
  const bool squares = criterion == Criterion::kL2;
  for (const float value : filters[channel]) sum += squares ? double{value} * value : std::abs(value);
  return squares ? std::sqrt(sum) : sum;
}

/// Relative to each layer's mean, averaged over the layers.
std::vector<double> judge_group(const Graph& graph, const ChannelGroup& group, Criterion criterion,
                                const std::set<Place>& places) {
  const auto layers = filters_of(graph, group, places);
  if (layers.empty()) {
    const bool by_norm = criterion == Criterion::kNormScale;
    throw Error(fmt::format("The channels of '{}'", group.name),
                by_norm ? "have no batch norm to judge them by" : "are read by no layer with known weights",
                "Choose another criterion or granularity: l1 and filter, say");
  }
  std::vector<double> importance(group.channels.size(), 0);
  for (const auto& [place, filters] : layers) {
    std::vector<double> judged(filters.size());
    for (size_t c = 0; c < filters.size(); ++c) judged[c] = judge(criterion, filters, c);
    const double mean =
        std::accumulate(judged.begin(), judged.end(), 0.0) / static_cast<double>(judged.size());
    if (mean == 0) continue;  // a layer of zeros says nothing
    for (size_t c = 0; c < judged.size(); ++c) {
      importance[c] += judged[c] / mean / static_cast<double>(layers.size());
    }
  }
  return importance;
}

std::set<Place> judged_places(Places places, Criterion criterion, Granularity granularity) {
  if (granularity == Granularity::kChannel) {
    if (criterion == Criterion::kNormScale) {
      throw Error("The criterion norm-scale", "judges what computes a channel, not what reads it",
                  "Take the granularity filter, or the criterion l1, l2, taylor or fpgm", ExitCode::kUsage);
    }
    return places.readers;
  }
  if (criterion == Criterion::kNormScale) return places.gammas;
  std::set<Place> judged = std::move(places.filters);
  if (criterion == Criterion::kTaylor) {
    for (auto* part : {&places.biases, &places.gammas, &places.betas}) judged.merge(*part);
  }
  return judged;
}

Importance taylor(const Graph& graph, std::span<const ChannelGroup> groups, const std::set<Place>& places,
                  const data::Dataset& dataset, std::span<const size_t> indices) {
  if (indices.empty()) {
    throw Error("The criterion taylor", "has no samples to take gradients of", "Name a data set");
  }
  // Which channels a parameter's slots belong to.
  struct Owner {
    ChannelSlot slot;
    size_t group, channel;
  };
  std::map<TensorId, std::vector<Owner>> owners;
  Importance importance(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].locked.empty()) continue;
    importance[g].assign(groups[g].channels.size(), 0);
    for (size_t c = 0; c < groups[g].channels.size(); ++c) {
      for (const ChannelSlot& slot : groups[g].channels[c]) {
        if (places.contains({slot.tensor, slot.axis})) owners[slot.tensor].push_back({slot, g, c});
      }
    }
  }
  train::loss_gradients(graph, dataset, indices, [&](TensorId id, std::span<const float> gradient) {
    const auto values = graph.tensor(id).values<float>();
    for (const Owner& owner : owners[id]) {
      double change = 0;
      for_each_element(graph.tensor(id).shape, owner.slot,
                       [&](size_t i) { change += double{gradient[i]} * values[i]; });
      importance[owner.group][owner.channel] += change * change;
    }
  });
  return importance;
}

}  // namespace

Criterion criterion_named(std::string_view name) {
  if (name == "l1") return Criterion::kL1;
  if (name == "l2") return Criterion::kL2;
  if (name == "norm-scale") return Criterion::kNormScale;
  if (name == "taylor") return Criterion::kTaylor;
  if (name == "loss") return Criterion::kLoss;
  if (name == "fpgm") return Criterion::kFpgm;
  if (name == "random") return Criterion::kRandom;
  throw Error(fmt::format("The criterion '{}'", name), "is not known",
              "Take l1, l2, norm-scale, taylor, loss, fpgm or random", ExitCode::kUsage);
}

Importance channel_importance(const Graph& graph, std::span<const ChannelGroup> groups, Criterion criterion,
                              const data::Dataset& dataset, std::span<const size_t> indices, Random random,
                              Granularity granularity) {
  const std::set<Place> places = judged_places(find_places(graph), criterion, granularity);
  if (criterion == Criterion::kTaylor) return taylor(graph, groups, places, dataset, indices);
  Importance importance(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].locked.empty()) continue;
    if (criterion != Criterion::kRandom) {
      importance[g] = judge_group(graph, groups[g], criterion, places);
      continue;
    }
    for (size_t c = 0; c < groups[g].channels.size(); ++c) importance[g].push_back(random.uniform());
  }
  return importance;
}

}  // namespace thimble::prune
