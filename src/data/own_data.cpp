#include "data/own_data.h"

#include "base/error.h"

namespace thimble::data {

TrainAndTest load_own_data(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    return fs::exists(path / "x.npy", failed) ? load_npy_folder(path) : load_image_folder(path);
  }
  if (path.extension() == ".csv" && fs::exists(path, failed)) return load_csv_file(path);
  throw Error(
      path.string(), "is neither a folder nor a .csv file",
      "docs/data.md shows how your own data must lie: a folder of images, a folder with x.npy and y.npy, or "
      "a .csv file");
}

}  // namespace thimble::data
