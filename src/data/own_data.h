#pragma once

#include <filesystem>

#include "data/dataset.h"

namespace thimble::data {

/// Reads a user's own data (docs/data.md shows every layout):
/// - a folder of images, train/CLASS/* and test/CLASS/*, or CLASS/* with or without a split.csv;
/// - a .csv file with a sample a row, its features (1, 1, F);
/// - a folder with x.npy and y.npy, and x_test.npy and y_test.npy, or with or without a split.npy.
///
/// Where nothing says which samples are for the test, 20 % are drawn, the same at every call: of every class
/// or, where groups are known, whole groups; Dataset::note says so. Throws Error, naming the file and, of a
/// text, the line, for all that is not sound, and when a class has no sample for training.
TrainAndTest load_own_data(const std::filesystem::path& path);

// The three kinds, each called by load_own_data.
TrainAndTest load_image_folder(const std::filesystem::path& folder);
TrainAndTest load_csv_file(const std::filesystem::path& file);
TrainAndTest load_npy_folder(const std::filesystem::path& folder);

}  // namespace thimble::data
