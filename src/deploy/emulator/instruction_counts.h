#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deploy/emulator/image.h"
#include "deploy/emulator/program.h"

namespace thimble::deploy {

/// The functions of the network at whose first instruction the plugin must cut: PREFIX_run, every
/// PREFIX_layer_..., and the end of the counted region.
std::vector<uint32_t> cuts_of(const Image& image, const std::string& prefix);

/// Reads what runtime/count_instructions.c wrote: the cost of each inference that was counted.
///
/// What runs between the entry of one layer and that of the next belongs to the first, whatever function of a
/// library it is in; only the code of PREFIX_run itself stands in a row of its own. Throws Error when the
/// text is not whole. Without a cycle model (null), cycles are 0.
std::vector<InferenceCost> parse_counts(std::string_view text, const Image& image, const std::string& prefix,
                                        device::CycleModel cycles);

}  // namespace thimble::deploy
