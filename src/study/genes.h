#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "study/search.h"

namespace thimble::study {

constexpr std::array<int, 4> kTemperatures = {0, 1, 2, 4};  // 0: no teacher

enum Order { kRoundAfter, kTrainAgain, kTrainRounded, kOrders };

/// The genes by what they mean; those that mean nothing beside the others are 0.
struct Meaning {
  Meaning(const Genes& genes, const SearchOptions& options)
      : parts(genes.begin(), genes.end() - 3 - static_cast<std::ptrdiff_t>(options.layers.size())),
        has_few_bits(genes.end() - 3 - static_cast<std::ptrdiff_t>(options.layers.size()), genes.end() - 3),
        order(genes[genes.size() - 3]),
        is_pruned(std::any_of(parts.begin(), parts.end(), [](int part) { return part + 1 < kParts; })),
        is_trained(is_pruned || order != kRoundAfter),
        recovers(is_pruned && order != kTrainRounded),
        temperature(recovers ? kTemperatures[static_cast<size_t>(genes[genes.size() - 2])] : 0),
        teaches_rounded(order == kTrainAgain && genes.back() == 1) {}

  std::vector<int> parts;  ///< the eighths of each group that stay, less one
  std::vector<int> has_few_bits;
  int order;
  bool is_pruned;
  bool is_trained;  ///< else it is the same on every rung
  bool recovers;
  int temperature;
  bool teaches_rounded;
};

}  // namespace thimble::study
