#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace thimble::data {

/// A split of CIFAR-10 (Krizhevsky, 2009): 50,000 or 10,000 colour images (32, 32, 3) of 10 classes.
Dataset load_cifar10(Split split);

/// Appends the records of an official binary batch (a label byte, then the red, green and blue planes of 32 x
/// 32 bytes) to the samples, as (32, 32, 3), and labels of `dataset`. `where` names the batch in errors.
/// Throws Error, with `dataset` as it was, when the length is not whole records or a label is above 9.
void append_cifar10_batch(std::span<const std::byte> batch, std::string_view where, Dataset& dataset);

/// An official binary batch from a PNG file that has an image a row, 1024 x N colour pixels, and its N
/// labels. Throws Error, naming `where`, when the file is damaged or of another size.
std::vector<std::byte> cifar10_batch_of_png(std::span<const std::byte> png, std::span<const uint8_t> labels,
                                            std::string_view where);

}  // namespace thimble::data
