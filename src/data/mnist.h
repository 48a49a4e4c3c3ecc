#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "data/dataset.h"

namespace thimble::data {

/// A split of MNIST (LeCun, Cortes and Burges, 1998): 60,000 or 10,000 images (28, 28, 1) of handwritten
/// digits.
Dataset load_mnist(Split split);

/// The samples and labels of a pair of IDX files: images (N, H, W), which become samples (H, W, 1), and
/// labels (N) from 0 to classes - 1. The `where`s name the files in errors. Throws Error when a file or the
/// pair is not sound.
Dataset decode_idx_pair(std::span<const std::byte> images, std::string_view images_where,
                        std::span<const std::byte> labels, std::string_view labels_where, int classes);

}  // namespace thimble::data
