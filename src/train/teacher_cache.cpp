#include "train/teacher_cache.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "train/fingerprint.h"

namespace thimble::train {
namespace {

// magic, fingerprint of teachers and data, logits, SHA-256 of all before it
constexpr std::string_view kMagic = "thimble teacher 1\n";
constexpr size_t kDigits = 64;

std::string digest_of(std::string_view content) { return sha256(std::as_bytes(std::span(content))); }

/// Whether nothing but a cache is lost when a file is written over.
bool may_replace(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path) || std::filesystem::file_size(path) == 0) return true;
  std::ifstream file(path, std::ios::binary);
  std::string begin(kMagic.size(), '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return file && begin == kMagic;
}

}  // namespace

void keep_on_disk(const Distillation& distillation, Precision precision, const data::Dataset& dataset,
                  std::span<float> logits, const std::function<void()>& compute) {
  if (distillation.cache.empty()) return compute();
  const std::string identity = fingerprint(distillation.teachers, dataset, precision);
  const size_t size = kMagic.size() + kDigits + logits.size_bytes() + kDigits;
  if (!may_replace(distillation.cache)) {
    throw Error(distillation.cache.string(), "is there already, and holds no teachers' outputs",
                "Give the cache a file of its own");
  }
  if (std::filesystem::exists(distillation.cache) && std::filesystem::file_size(distillation.cache) == size) {
    const std::string file = read_text(distillation.cache, size);
    const auto content = std::string_view(file).substr(0, size - kDigits);
    if (content.starts_with(kMagic) && content.substr(kMagic.size(), kDigits) == identity &&
        digest_of(content) == file.substr(size - kDigits)) {
      std::memcpy(logits.data(), content.data() + kMagic.size() + kDigits, logits.size_bytes());
      return;
    }
  }
  compute();
  std::string content(kMagic);
  content += identity;
  content.append(reinterpret_cast<const char*>(logits.data()), logits.size_bytes());
  content += digest_of(content);
  write_file_atomically(distillation.cache, content);
}

}  // namespace thimble::train
