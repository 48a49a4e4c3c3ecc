#include "cli/counts.h"

#include "data/source.h"

namespace thimble::cli {

void add_count_option(CLI::App& verb, bool& counts) {
  verb.add_flag("--count", counts, "choose kernels by counts on the emulated device");
}

std::filesystem::path counts_cache(bool counts) {
  return counts ? data::cache_folder("counts") : std::filesystem::path();
}

}  // namespace thimble::cli
