#include "data/source.h"

#include <gtest/gtest.h>

#include <string>

#include "base/files.h"
#include "data/gzip.h"
#include "packing.h"
#include "scoped_variable.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::bytes_of;
using test::expect_error;
using test::ScopedVariable;
using test::text_of;

const std::string kImages = "images, so to speak";
const std::string kLabels = "labels";
const std::vector<std::string> kBoth = {"images", "labels"};

SourceFile file_of(const std::string& name, const std::string& content) {
  return {name, content.size(), sha256(bytes_of(content))};
}

/// A set of two small files, with a folder for THIMBLE_DATA and another for the cache.
class ReadFiles : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::filesystem::path given_ = folder_.path() / "given" / "set";
  const std::filesystem::path cache_ = folder_.path() / "cache" / "thimble" / "set";
  const ScopedVariable data_{"THIMBLE_DATA", (folder_.path() / "given").string()};
  const ScopedVariable xdg_{"XDG_CACHE_HOME", (folder_.path() / "cache").string()};
  int fetched_ = 0;
  Source source_{.set = "set",
                 .archives = {{"set.tar.gz"}},
                 .archive_folder = "inner/",
                 .files = {file_of("images", kImages), file_of("labels", kLabels)},
                 .mirrors = {}};

  void add_mirror(const std::string& name, const std::string& images) {
    source_.mirrors.push_back({name, [this, images] {
                                 ++fetched_;
                                 return Contents{{"images", bytes_of(images)}, {"labels", bytes_of(kLabels)}};
                               }});
  }

  void expect_both_from(const std::filesystem::path& folder) {
    const auto contents = read_files(source_, kBoth);
    ASSERT_EQ(contents.size(), 2u);
    EXPECT_EQ(text_of(contents[0].bytes), kImages);
    EXPECT_EQ(text_of(contents[1].bytes), kLabels);
    for (const SourceContent& content : contents)
      EXPECT_EQ(content.where.find(folder.string()), 0u) << content.where;
  }
};

TEST_F(ReadFiles, looks_in_thimble_data_before_the_cache) {
  for (const auto& folder : {given_, cache_}) {
    write_file_atomically(folder / "images", kImages);
    write_file_atomically(folder / "labels", kLabels);
  }
  expect_both_from(given_);
}

TEST_F(ReadFiles, falls_through_to_the_cache_when_thimble_data_lacks_the_set) {
  std::filesystem::create_directories(given_.parent_path());
  write_file_atomically(cache_ / "images", kImages);
  write_file_atomically(cache_ / "labels", kLabels);
  expect_both_from(cache_);
}

TEST_F(ReadFiles, uses_home_when_there_is_no_cache_variable_or_it_is_relative) {
  const ScopedVariable home("HOME", folder_.path().string());
  const auto expected = folder_.path() / ".cache" / "thimble" / "set";
  {
    const ScopedVariable none("XDG_CACHE_HOME", std::nullopt);
    EXPECT_EQ(cache_folder("set"), expected);
  }
  const ScopedVariable relative("XDG_CACHE_HOME", "somewhere");
  EXPECT_EQ(cache_folder("set"), expected);
}

TEST_F(ReadFiles, says_so_when_the_environment_names_no_cache) {
  const ScopedVariable none("XDG_CACHE_HOME", std::nullopt);
  const ScopedVariable home("HOME", std::nullopt);
  expect_error([] { cache_folder("set"); }, "has neither HOME nor XDG_CACHE_HOME");
}

TEST_F(ReadFiles, reads_gzipped_files) {
  write_file_atomically(given_ / "images.gz", test::gzip(bytes_of(kImages)));
  write_file_atomically(given_ / "labels.gz", test::gzip(bytes_of(kLabels)));
  expect_both_from(given_);
}

TEST_F(ReadFiles, reads_the_archive_and_its_unpacked_folder) {
  std::filesystem::create_directories(given_);
  test::write_tar_gz(given_ / "set.tar.gz", {{"inner/labels", kLabels, ""}, {"inner/images", kImages, ""}});
  expect_both_from(given_ / "set.tar.gz");
  std::filesystem::remove(given_ / "set.tar.gz");
  write_file_atomically(given_ / "inner" / "images", kImages);
  write_file_atomically(given_ / "inner" / "labels", kLabels);
  expect_both_from(given_ / "inner");
}

TEST_F(ReadFiles, never_passes_over_a_damaged_file) {
  write_file_atomically(cache_ / "images", kImages);
  write_file_atomically(cache_ / "labels", kLabels);
  std::string damaged = kImages;
  damaged[3] ^= 1;
  write_file_atomically(given_ / "images", damaged);
  write_file_atomically(given_ / "labels", kLabels);
  const auto read = [&] { read_files(source_, kBoth); };
  expect_error(read, (given_ / "images").string() + ": has SHA-256 " + sha256(bytes_of(damaged)) +
                         ", expected " + sha256(bytes_of(kImages)) +
                         ": the file is damaged or another one. Delete it and run again");
  write_file_atomically(given_ / "images", kImages + "x");
  expect_error(read, (given_ / "images").string() + ": has 20 bytes, more than the 19");
  write_file_atomically(given_ / "images", "");
  expect_error(read, (given_ / "images").string() + ": has SHA-256 e3b0c442");
  std::filesystem::remove(given_ / "images");
  std::filesystem::create_symlink("nowhere", given_ / "images");
  expect_error(read, (given_ / "images").string() + ": cannot be opened");
  std::filesystem::remove(given_ / "images");
  write_file_atomically(given_ / "images.gz", "no gzip");
  expect_error(read, (given_ / "images.gz").string() + ": is not a sound gzip file");
}

TEST_F(ReadFiles, reads_an_archive_within_an_archive) {
  test::write_tar_gz(folder_.path() / "inner.tar.gz",
                     {{"inner/labels", kLabels, ""}, {"inner/images", kImages, ""}});
  std::filesystem::create_directories(given_);
  test::write_tar_gz(given_ / "outer.tar.gz",
                     {{"readme", "x", ""}, {"set.tar.gz", read_text(folder_.path() / "inner.tar.gz"), ""}});
  source_.archives = {{"set.tar.gz"}, {"outer.tar.gz", "set.tar.gz", 10000}};
  expect_both_from(given_ / "outer.tar.gz");
  const Contents contents = unpack(source_, source_.archives[1], read_file(given_ / "outer.tar.gz"));
  EXPECT_EQ(text_of(contents.at("images")), kImages);
}

TEST_F(ReadFiles, takes_a_copy_of_the_right_size_that_is_known_by_its_content) {
  source_.files[0].is_sound = [](std::span<const std::byte> content) { return content[0] == std::byte{'I'}; };
  write_file_atomically(given_ / "labels", kLabels);
  std::string other = kImages;
  other[0] = 'I';
  write_file_atomically(given_ / "images", other);
  const auto contents = read_files(source_, kBoth);
  EXPECT_EQ(text_of(contents[0].bytes), other);
  EXPECT_EQ(contents[0].sha256, sha256(bytes_of(other)));
  other[0] = 'J';
  write_file_atomically(given_ / "images", other);
  expect_error([&] { read_files(source_, kBoth); }, "has SHA-256");
}

TEST_F(ReadFiles, fetches_once_and_keeps_the_files_in_the_cache) {
  add_mirror("good mirror", kImages);
  expect_both_from(cache_);
  expect_both_from(cache_);
  EXPECT_EQ(fetched_, 1);
  EXPECT_EQ(read_text(cache_ / "images"), kImages);
  EXPECT_FALSE(std::filesystem::exists(given_));
}

TEST_F(ReadFiles, goes_on_to_the_next_mirror_when_one_fails_or_brings_another_content) {
  source_.mirrors.push_back({"dead mirror", []() -> Contents { throw Error("dead", "no answer", ""); }});
  add_mirror("bad mirror", "another content");
  add_mirror("good mirror", kImages);
  expect_both_from(cache_);
  EXPECT_EQ(fetched_, 2);
}

TEST_F(ReadFiles, names_every_reason_when_no_mirror_delivers_and_leaves_no_file) {
  source_.mirrors.push_back({"dead mirror", []() -> Contents { throw Error("dead", "no answer", ""); }});
  add_mirror("bad mirror", "another content");
  const std::string error = test::error_of([&] { read_files(source_, kBoth); });
  for (const std::string& part :
       {std::string("data set set: is not in "), given_.string(), cache_.string(),
        std::string("dead: no answer."), std::string("images from the bad mirror: has SHA-256")}) {
    EXPECT_NE(error.find(part), std::string::npos) << "the error is: " << error << "\nit lacks: " << part;
  }
  EXPECT_FALSE(std::filesystem::exists(cache_));
}

TEST_F(ReadFiles, has_one_hash_for_the_list_of_its_files) {
  const std::string listing =
      sha256(bytes_of(kImages)) + "  images\n" + sha256(bytes_of(kLabels)) + "  labels\n";
  add_mirror("good mirror", kImages);
  EXPECT_EQ(listing_sha256(read_files(source_, kBoth)), sha256(bytes_of(listing)));
}

}  // namespace
}  // namespace thimble::data
