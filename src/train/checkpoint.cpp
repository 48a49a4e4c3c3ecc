#include "train/checkpoint.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "base/error.h"
#include "base/files.h"

namespace thimble::train {
namespace {

// magic, fingerprint, header, history, state, SHA-256 of all before it
constexpr std::string_view kMagic = "thimble checkpoint 2\n";
constexpr size_t kDigits = 64;

struct Header {
  uint64_t epochs = 0;
  uint64_t state_size = 0;
};

std::string digest_of(std::string_view content) { return sha256(std::as_bytes(std::span(content))); }

template <typename T>
void append(std::string& content, std::span<const T> values) {
  content.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

template <typename T>
std::vector<T> take(std::string_view& content, size_t count) {
  std::vector<T> values(count);
  std::memcpy(values.data(), content.data(), count * sizeof(T));
  content.remove_prefix(count * sizeof(T));
  return values;
}

// EpochMetrics as numbers, so that no padding byte gets into the file.
using MetricsRow = std::array<double, 7>;

MetricsRow row_of(const EpochMetrics& m) {
  return {static_cast<double>(m.epoch),
          m.loss,
          m.accuracy,
          m.learning_rate,
          m.validation_accuracy.value_or(std::numeric_limits<double>::quiet_NaN()),
          m.images_per_second,
          m.loading_share};
}

EpochMetrics metrics_of(const MetricsRow& row) {
  EpochMetrics metrics = {static_cast<int>(row[0]), row[1], row[2], row[3], {}, row[5], row[6]};
  if (!std::isnan(row[4])) metrics.validation_accuracy = row[4];
  return metrics;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  assert(checkpoint.fingerprint.size() == kDigits);
  const Header header{checkpoint.history.size(), checkpoint.state.size()};
  std::string content(kMagic);
  content += checkpoint.fingerprint;
  append(content, std::span(&header, 1));
  for (const EpochMetrics& metrics : checkpoint.history) {
    const MetricsRow row = row_of(metrics);
    append(content, std::span<const double>(row));
  }
  append(content, std::span(checkpoint.state));
  content += digest_of(content);
  write_file_atomically(path, content);
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const std::string& fingerprint,
                           size_t state_size) {
  const std::string remedy = fmt::format("Delete {} to train from the start", path.string());
  const auto damaged = [&](std::string_view how) {
    throw Error(path.string(), fmt::format("is not a whole checkpoint: {}", how), remedy);
  };
  const std::string file = read_text(path, uint64_t{1} << 33);
  std::string_view content = file;
  constexpr size_t kLeast = kMagic.size() + kDigits + sizeof(Header) + kDigits;
  if (!content.starts_with(kMagic)) damaged("it does not begin like one");
  if (content.size() < kLeast) damaged("it is cut short");
  const std::string_view digest = content.substr(content.size() - kDigits);
  content.remove_suffix(kDigits);
  if (digest_of(content) != digest) damaged("its checksum is wrong, so it was cut short or changed");

  Checkpoint checkpoint;
  content.remove_prefix(kMagic.size());
  checkpoint.fingerprint = content.substr(0, kDigits);
  content.remove_prefix(kDigits);
  if (checkpoint.fingerprint != fingerprint) {
    throw Error(path.string(), "is the checkpoint of another training: its model, data or options differ",
                fmt::format("Delete it to train from the start, or name another file"));
  }
  const Header header = take<Header>(content, 1)[0];
  if (header.state_size != state_size || header.epochs > content.size() ||
      content.size() != header.epochs * sizeof(MetricsRow) + state_size * sizeof(float)) {
    damaged("its sizes do not fit the network");
  }
  for (const MetricsRow& row : take<MetricsRow>(content, header.epochs))
    checkpoint.history.push_back(metrics_of(row));
  checkpoint.state = take<float>(content, state_size);
  return checkpoint;
}

}  // namespace thimble::train
