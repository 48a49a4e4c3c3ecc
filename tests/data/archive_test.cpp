#include "data/archive.h"

#include <gtest/gtest.h>

#include <string>

#include "base/files.h"
#include "packing.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;
using test::text_of;
using test::write_tar_gz;

class Archive : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "a.tar.gz";

  std::map<std::string, std::vector<std::byte>> read(const std::vector<ArchiveMember>& wanted) const {
    return read_archive(path_, wanted);
  }
};

TEST_F(Archive, gives_the_wanted_members_alone) {
  write_tar_gz(path_, {{"p/other", "x", ""}, {"p/one", "first", ""}, {"p/two", "", ""}});
  const auto contents = read({{"p/one", 5}, {"p/two", 0}});
  ASSERT_EQ(contents.size(), 2u);
  EXPECT_EQ(text_of(contents.at("p/one")), "first");
  EXPECT_TRUE(contents.at("p/two").empty());
}

TEST_F(Archive, refuses_paths_that_lead_out_of_its_folder) {
  for (const std::string member : {"../outside", "p/../../outside", "/tmp/outside", "p/.."}) {
    write_tar_gz(path_, {{"p/one", "first", ""}, {member, "x", ""}});
    expect_error(
        [&] {
          read({{"p/one", 5}});
        },
        "holds the path \"" + member + "\", which leads out of its folder");
  }
}

TEST_F(Archive, reads_zip_archives_and_refuses_their_paths_and_links_alike) {
  test::write_zip(path_, {{"p/one", "first", ""}, {"p/two", "x", ""}});
  EXPECT_EQ(text_of(read({{"p/one", 5}}).at("p/one")), "first");
  const auto content = read_file(path_);
  const std::vector<ArchiveMember> wanted = {{"p/one", 5}};
  EXPECT_EQ(text_of(read_archive(content, "inner.zip", wanted).at("p/one")), "first");
  expect_error([&] { read_archive(std::span(content).first(40), "inner.zip", wanted); }, "inner.zip: ");
  test::write_zip(path_, {{"p/one", "first", ""}, {"../outside", "x", ""}});
  expect_error([&] { read({{"p/one", 5}}); }, "holds the path \"../outside\", which leads out of its folder");
  test::write_zip(path_, {{"p/one", "", "/etc/passwd"}});
  expect_error([&] { read({{"p/one", 5000}}); }, "holds p/one, but not as a regular file");
}

TEST_F(Archive, takes_a_name_with_two_dots_in_it_for_what_it_is) {
  write_tar_gz(path_, {{"p/one..two", "first", ""}});
  EXPECT_EQ(text_of(read({{"p/one..two", 5}}).at("p/one..two")), "first");
}

TEST_F(Archive, refuses_a_member_that_is_a_link) {
  write_tar_gz(path_, {{"p/one", "", "/etc/passwd"}});
  expect_error([&] { read({{"p/one", 5000}}); }, "holds p/one, but not as a regular file");
}

TEST_F(Archive, refuses_a_member_larger_than_expected_and_names_one_that_it_lacks) {
  write_tar_gz(path_, {{"p/one", "first", ""}});
  expect_error([&] { read({{"p/one", 4}}); }, "holds p/one with 5 bytes, more than the expected 4");
  expect_error([&] { read({{"p/two", 4}}); }, "does not hold p/two");
}

TEST_F(Archive, names_an_archive_that_is_missing_or_none) {
  expect_error([&] { read({{"p/one", 5}}); }, path_.string() + ": cannot be opened as a tar or zip archive");
  write_file_atomically(path_, "this is no archive, only a few words of text");
  expect_error([&] { read({{"p/one", 5}}); }, path_.string());
}

TEST_F(Archive, is_an_error_or_whole_wherever_it_is_cut) {
  const std::string content(20000, 'c');
  write_tar_gz(path_, {{"p/one", content, ""}});
  for (size_t length = std::filesystem::file_size(path_); length-- > 0;) {
    std::filesystem::resize_file(path_, length);
    try {
      EXPECT_EQ(text_of(read({{"p/one", content.size()}}).at("p/one")), content) << length;
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace thimble::data
