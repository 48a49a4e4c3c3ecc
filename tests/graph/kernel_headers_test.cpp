// Each kernel's header stands alone and compiles without a warning, with every compiler at hand.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "base/process.h"

namespace thimble {
namespace {

void expect_no_warning(std::vector<std::string> command, const std::string& suffix,
                       const std::vector<std::string>& rooms = {"generic", "armv7em"}) {
  if (!find_program(command[0])) GTEST_SKIP() << command[0] << " is not installed";
  for (const char* flag : {"-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Wshadow", "-Werror",
                           "-fsyntax-only", "-I" THIMBLE_SOURCE_DIR "/kernels"}) {
    command.push_back(flag);
  }
  const TemporaryFolder folder;
  for (const std::string& room : rooms) {
    for (const auto& entry : std::filesystem::directory_iterator(THIMBLE_SOURCE_DIR "/kernels/" + room)) {
      const std::string header = entry.path().filename();
      const auto source = folder.path() / (room + "_" + header + suffix);
      write_file_atomically(source, "#include \"" + room + "/" + header + "\"\n");
      command.push_back(source);
    }
  }
  const ProcessResult result = run_process(command, "");
  EXPECT_EQ(result.exit_code, 0) << result.standard_error;
}

TEST(KernelHeaders, compile_alone_as_c99_on_the_host) { expect_no_warning({"cc", "-std=c99"}, ".c"); }

TEST(KernelHeaders, compile_alone_as_cpp20_on_the_host) { expect_no_warning({"c++", "-std=c++20"}, ".cpp"); }

TEST(KernelHeaders, compile_alone_as_c99_for_a_cortex_m4) {
  expect_no_warning({"arm-none-eabi-gcc", "-std=c99", "-mcpu=cortex-m4", "-mthumb"}, ".c");
}

TEST(KernelHeaders, those_for_neon_compile_alone_as_c99_for_a_cortex_a72) {
  expect_no_warning({"aarch64-linux-gnu-gcc", "-std=c99", "-mcpu=cortex-a72"}, ".c", {"neon"});
}

}  // namespace
}  // namespace thimble
