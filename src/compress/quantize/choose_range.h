#pragma once

#include <span>

#include "compress/quantize/value_histogram.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {

// Ranges that leave out the rarest values of an activation so that the others keep finer steps. Each is
// within the values' own range and is made for activation_quantization. `bins` are ValueHistogram's, of at
// least one value.

/// Leaves out the part 1 - percentile / 100 of the values at each end: 99.99, say.
Range percentile_range(std::span<const ValueHistogram::Bin> bins, double percentile);

/// The range whose int8 form has the least mean squared error.
Range least_squares_range(std::span<const ValueHistogram::Bin> bins);

/// The range whose int8 form tells most of the distribution: the least Kullback-Leibler divergence, as
/// Migacz ("8-bit inference with TensorRT", GTC 2017) has it, but over the histogram's own bins, with both
/// ends free, and with all that lies beyond an end counted as its last step's. Zeros do not count: they are
/// exact in every form.
Range least_divergence_range(std::span<const ValueHistogram::Bin> bins);

/// The mean squared error of values in the int8 form that activation_quantization gives to `range`.
double mean_squared_error(std::span<const ValueHistogram::Bin> bins, Range range);

}  // namespace thimble::quantize
