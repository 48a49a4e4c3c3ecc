#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/generated_c.h"
#include "deploy/self_test.h"

namespace thimble::deploy {

enum class PackageKind : uint8_t {
  kC,        ///< plain C with a CMakeLists.txt and an example
  kCMake,    ///< the same with a benchmark, for Linux: a Raspberry Pi
  kArduino,  ///< a library: library.properties, src/, an example sketch
  kEspIdf,   ///< a component: CMakeLists.txt and an example project
  kTflite,   ///< the model for TensorFlow Lite Micro, with the list of the operators that it needs
};

/// "c", "cmake", "arduino", "esp-idf", "tflite".
std::span<const std::string_view> package_names();
std::optional<PackageKind> package_named(std::string_view name);

/// A model as a TensorFlow Lite file.
struct TfliteFile {
  std::string content;
  std::vector<std::string> operators;  ///< that it holds, as its schema names them: "CONV_2D"
};

struct PackageOptions {
  PackageKind kind = PackageKind::kC;
  SelfTest self_test{};  ///< without samples: none is written
  TfliteFile tflite{};   ///< of kTflite
};

/// The files of a package, each relative to its folder: the program, what its users build it with, an
/// example, the self-test and a README.md on what it needs and costs.
///
/// Throws Error when TensorFlow Lite Micro knows no operator of that name.
std::vector<GeneratedFile> package_files(const GeneratedC& program, const PackageOptions& options = {});

/// Writes the package into a folder. Other files there stay as they are. All files are written beside their
/// places before the first of them is moved there: a full disk leaves what was there. Throws Error, before
/// anything is written, when a file of the same name is there that Thimble did not write.
void write_package(const GeneratedC& program, const std::filesystem::path& folder,
                   const PackageOptions& options = {});

}  // namespace thimble::deploy
