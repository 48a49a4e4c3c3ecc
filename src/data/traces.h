#pragma once

#include <string>

#include "data/dataset.h"

namespace thimble::data {

/// A page of HTML with inline SVG, that needs nothing else, for a person to see what a set of signals or a
/// table holds: a row a class, a column a channel. A cell of a signal has the raw values of a few samples,
/// drawn with `random`, over time; one of a table has the histogram of the feature in that class. A column
/// has one scale. Not for images.
std::string traces_html(const Dataset& dataset, Random random);

}  // namespace thimble::data
