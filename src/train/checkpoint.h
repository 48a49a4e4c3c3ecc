#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/trainer.h"

namespace thimble::train {

/// The state of a training after an epoch.
struct Checkpoint {
  std::string fingerprint;            ///< of graph, data and options: 64 hexadecimal digits
  std::vector<EpochMetrics> history;  ///< one entry an epoch done
  std::vector<float> state;           ///< parameters, statistics, optimizer, one after another
};

/// Writes a checkpoint atomically: the old one stays whole until the new one is on disk.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Reads a checkpoint. Throws Error when it is damaged (it carries a SHA-256), of another training (another
/// fingerprint), or does not hold `state_size` numbers. The file is not touched.
Checkpoint read_checkpoint(const std::filesystem::path& path, const std::string& fingerprint,
                           size_t state_size);

}  // namespace thimble::train
