#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "deploy/emulator/program.h"

namespace thimble::deploy {

/// A temporary folder in which a program is compiled and run: its sources, the runtime, and the files of the
/// harness.
class HarnessFolder {
 public:
  /// Writes the program, the runtime's sources and the thimble_harness.h that joins them.
  explicit HarnessFolder(const GeneratedC& program);

  const std::filesystem::path& path() const { return folder_.path(); }
  std::string file(const std::string& name) const { return (path() / name).string(); }

  /// Runs a compiler or linker here; its first error becomes an Error.
  void compile(const std::vector<std::string>& command, const Target& target) const;
  void compile_for_host(const std::vector<std::string>& command) const;

  void write_samples(std::span<const std::vector<std::byte>> samples) const;
  /// The results of the last run, checked against the sizes that `count` samples must give.
  std::vector<std::vector<std::byte>> read_outputs(size_t count) const;
  std::vector<std::vector<LayerOutput>> read_layers(size_t count) const;
  std::vector<uint32_t> read_stack(size_t count) const;

  /// The program's own C files, by their full path.
  const std::vector<std::string>& sources() const { return sources_; }

 private:
  void compile(const std::vector<std::string>& command, std::string_view packages,
               std::string_view memory) const;

  TemporaryFolder folder_;
  size_t input_bytes_ = 0;
  size_t output_bytes_ = 0;
  std::vector<std::string> sources_;
};

}  // namespace thimble::deploy
