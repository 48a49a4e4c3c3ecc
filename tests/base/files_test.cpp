#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "support/expect_error.h"

namespace thimble {
namespace {

using test::error_of;
using test::expect_error;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

size_t entries_of(const std::filesystem::path& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(ReadFile, gives_back_what_was_written) {
  const TemporaryFolder folder;
  const std::string text("a\0b\n", 4);
  write_file_atomically(folder.path() / "file", text);
  EXPECT_EQ(read_text(folder.path() / "file"), text);
  EXPECT_EQ(read_file(folder.path() / "file").size(), 4u);
}

TEST(ReadFile, reads_a_file_of_exactly_the_limit_and_refuses_one_more_byte) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "file";
  write_file_atomically(path, "12345");
  EXPECT_EQ(read_file(path, 5).size(), 5u);
  expect_error([&] { read_file(path, 4); }, path.string() + ": has 5 bytes, more than the 4");
}

TEST(ReadFile, names_a_missing_file_and_the_reason) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "missing";
  expect_error([&] { read_file(path); }, path.string() + ": cannot be opened (No such file or directory)");
}

TEST(ReadFile, refuses_a_folder) {
  const TemporaryFolder folder;
  expect_error([&] { read_file(folder.path()); }, "is not a regular file");
}

TEST(ReadFile, refuses_a_named_pipe_without_waiting_for_a_writer) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_error([&] { read_file(path); }, "is not a regular file");
}

TEST(WriteFileAtomically, makes_missing_folders_and_leaves_nothing_beside_the_file) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a" / "b" / "file";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_text(path), "new");
  EXPECT_EQ(entries_of(path.parent_path()), 1u);
}

TEST(WriteFileAtomically, writes_an_empty_file) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "file", "");
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "file"), 0u);
}

TEST(WriteFileAtomically, gives_the_permissions_that_the_mask_asks_for) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  write_file_atomically(folder.path() / "file", "x");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(WriteFileAtomically, refuses_to_replace_a_folder_and_leaves_no_temporary) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "target";
  std::filesystem::create_directories(path / "inside");
  expect_error([&] { write_file_atomically(path, "x"); }, path.string() + ": cannot be written");
  EXPECT_EQ(entries_of(folder.path()), 1u);
  EXPECT_TRUE(std::filesystem::exists(path / "inside"));
}

TEST(WriteFileAtomically, names_a_parent_that_is_a_file) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "file", "x");
  expect_error([&] { write_file_atomically(folder.path() / "file" / "below", "y"); }, "cannot be written");
  EXPECT_EQ(read_text(folder.path() / "file"), "x");
}

TEST(WriteFileAtomically, leaves_the_old_content_and_no_temporary_when_a_write_breaks_off) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "file";
  write_file_atomically(path, "old");

  // The largest file this process may write: as a full disk, the write breaks off part of the way.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = error_of([&] { write_file_atomically(path, std::string(100000, 'n')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);

  EXPECT_NE(error.find("cannot be written (File too large)"), std::string::npos) << error;
  EXPECT_EQ(read_text(path), "old");
  EXPECT_EQ(entries_of(folder.path()), 1u);
}

/// A small file system of its own, where the test may mount one.
class SmallDisk {
 public:
  SmallDisk() : mounted_(::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=64k") == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount(folder_.path().c_str());
  }
  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  bool mounted_;
};

TEST(WriteFileAtomically, leaves_the_old_content_and_no_temporary_on_a_full_disk) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "SKIPPED: this user may not mount a small disk to fill";
  const auto path = disk.path() / "file";
  write_file_atomically(path, "old");
  const std::string error = error_of([&] { write_file_atomically(path, std::string(1 << 20, 'n')); });
  EXPECT_NE(error.find("No space left on device"), std::string::npos) << error;
  EXPECT_NE(error.find("Free some space"), std::string::npos) << error;
  EXPECT_EQ(read_text(path), "old");
  EXPECT_EQ(entries_of(disk.path()), 1u);
}

TEST(WriteFileAtomically, shows_old_or_new_content_whole_when_it_is_killed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "file";
  const std::string old_content(200000, 'o');
  const std::string new_content(300000, 'n');
  for (int round = 0; round < 20; ++round) {
    write_file_atomically(path, old_content);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (;;) write_file_atomically(path, new_content);
    }
    ::usleep(static_cast<useconds_t>(200 * round));
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const std::string content = read_text(path);
    EXPECT_TRUE(content == old_content || content == new_content) << content.size() << " bytes";
  }
}

// Known answers: FIPS 180-2, appendix B, and NIST's example of the empty message.
TEST(Sha256, gives_the_published_answers) {
  EXPECT_EQ(sha256({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(bytes_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(bytes_of(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(TemporaryFolder, is_new_empty_and_gone_afterwards_with_all_it_held) {
  std::filesystem::path path;
  {
    const TemporaryFolder one;
    const TemporaryFolder other;
    path = one.path();
    EXPECT_NE(one.path(), other.path());
    EXPECT_EQ(entries_of(path), 0u);
    write_file_atomically(path / "a" / "b", "x");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace thimble
