#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/process.h"

namespace thimble::test {

/// A runtime that npm installs, which a test compares us with: a folder with a package.json and a run.js.
struct NodeRuntime {
  std::string name;      ///< the folder in tests/formats
  std::string variable;  ///< names another folder where the package is installed
  std::string package;   ///< "onnxruntime-node"

  std::filesystem::path folder() const {
    return std::filesystem::path(THIMBLE_SOURCE_DIR) / "tests/formats" / name;
  }

  /// Whether it is there. scripts/test.sh installs it and says where; then its absence is a failure.
  bool installed() const {
    const char* elsewhere = std::getenv(variable.c_str());
    const std::filesystem::path root = elsewhere != nullptr ? std::filesystem::path(elsewhere) : folder();
    return std::filesystem::exists(root / "node_modules" / package);
  }

  std::string missing() const {
    return fmt::format("{} is not installed: npm ci --ignore-scripts in {}", package, folder().string());
  }
  bool promised() const { return std::getenv(variable.c_str()) != nullptr; }

  /// Runs run.js on a manifest; the exit code is checked.
  void run(const std::filesystem::path& manifest) const {
    const auto result =
        run_process({"node", (folder() / "run.js").string(), manifest.string()}, "apt-get install nodejs");
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
  }
};

/// For SetUp: skips the test where the runtime is absent, and fails it where it was to be there.
#define THIMBLE_NEEDS_RUNTIME(runtime)                       \
  do {                                                       \
    if ((runtime).installed()) break;                        \
    if ((runtime).promised()) FAIL() << (runtime).missing(); \
    GTEST_SKIP() << (runtime).missing();                     \
  } while (false)

}  // namespace thimble::test
