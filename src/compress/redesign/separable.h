#pragma once

#include <span>
#include <string>
#include <vector>

#include "compress/redesign/new_layers.h"
#include "graph/graph.h"

namespace thimble::redesign {

/// The matrix that is the outer product of `left` and `right` and nearest to a (rows x columns) one in
/// squares: the first singular vectors, with the root of the singular value in each; the sum of `right` is
/// not negative.
struct RankOne {
  std::vector<double> left, right;
};
RankOne rank_one(std::span<const double> matrix, size_t columns);

/// Convolutions as a depthwise one, a batch norm, the activation function that follows the convolution (or
/// none between), and a 1x1 one (Howard et al., "MobileNets", 2017): of KH * KW * I * O multiplications a
/// place, KH * KW * I + I * O are left. Shapes and everything else stay.
///
/// Both take the place of the trained weights as well as two layers can: for each input channel the filters
/// over all output channels, an (O x KH * KW) matrix, become their nearest matrix of rank one. Convolutions
/// whose filters have that form already compute the same as before, up to the activation between.
///
/// `layers` names convolutions; empty: all with a window larger than 1x1 and one group, but those that read
/// an input of the network, whose few channels would leave too few filters. Throws Error for a name that is
/// no such layer, and when there is none.
WithNewLayers separable(const Graph& graph, std::span<const std::string> layers, bool activation_between);

}  // namespace thimble::redesign
