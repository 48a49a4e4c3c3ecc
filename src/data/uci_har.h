#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace thimble::data {

/// A split of Human Activity Recognition Using Smartphones (Anguita et al., ESANN 2013): 7,352 or 2,947
/// windows of 2.56 s, (1, 128, 9), of body acceleration, angular velocity and total acceleration along x, y
/// and z, at 50 Hz, in g and rad/s. 21 people are in the training split, 9 others in the test split;
/// `groups` has the number of each window's person. Neighbouring windows share half their samples.
Dataset load_uci_har(Split split);
TrainAndTest load_uci_har_both();

/// Writes one signal, a text of one window a line, into its channel of `values`: (windows, time, channels).
/// Throws Error, naming `where` and the line, unless the text has `windows` lines of `time` finite numbers.
void parse_windows(std::string_view text, std::string_view where, size_t windows, size_t time, size_t channel,
                   size_t channels, std::span<float> values);

/// A text of one integer a line, each from `low` to `high`. Throws Error naming `where` and the line.
std::vector<int32_t> parse_lines_of_integers(std::string_view text, std::string_view where, int32_t low,
                                             int32_t high);

}  // namespace thimble::data
