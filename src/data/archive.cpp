#include "data/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace thimble::data {
namespace {

constexpr uint64_t kTotalLimitBytes = uint64_t{1} << 31;
constexpr size_t kBlockBytes = 1 << 16;

[[noreturn]] void refuse(std::string_view where, std::string_view reason) {
  throw Error(where, reason, "Delete it and run again; it is then fetched anew");
}

/// libarchive does not give a text for every failure.
const char* reason_of(archive* reader) {
  const char* text = archive_error_string(reader);
  return text != nullptr ? text : "cut short or damaged";
}

bool climbs(const std::filesystem::path& member) {
  return member.is_absolute() || std::find(member.begin(), member.end(), "..") != member.end();
}

std::vector<std::byte> read_member(archive* reader, archive_entry* entry, const ArchiveMember& member,
                                   std::string_view where) {
  if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size_is_set(entry) == 0) {
    refuse(where, fmt::format("holds {}, but not as a regular file", member.path));
  }
  const auto size = static_cast<uint64_t>(archive_entry_size(entry));
  if (size > member.limit_bytes) {
    refuse(where, fmt::format("holds {} with {} bytes, more than the expected {}", member.path, size,
                              member.limit_bytes));
  }
  std::vector<std::byte> content(size);
  uint64_t done = 0;
  while (done < size) {
    const la_ssize_t got = archive_read_data(reader, content.data() + done, size - done);
    if (got < 0) refuse(where, fmt::format("is damaged at {} ({})", member.path, reason_of(reader)));
    if (got == 0) refuse(where, fmt::format("ends within {}", member.path));
    done += static_cast<uint64_t>(got);
  }
  return content;
}

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

Reader new_reader() {
  Reader owner(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(owner.get());
  archive_read_support_filter_xz(owner.get());
  archive_read_support_format_tar(owner.get());
  archive_read_support_format_zip(owner.get());
  return owner;
}

/// Of a reader that `opened` tells to be open.
std::map<std::string, std::vector<std::byte>> read_members(archive* reader, int opened,
                                                           std::string_view where,
                                                           std::span<const ArchiveMember> wanted) {
  if (opened != ARCHIVE_OK) {
    refuse(where, fmt::format("cannot be opened as a tar or zip archive ({})", reason_of(reader)));
  }
  std::map<std::string, std::vector<std::byte>> contents;
  uint64_t total_bytes = 0;
  archive_entry* entry = nullptr;
  int state = ARCHIVE_OK;
  while ((state = archive_read_next_header(reader, &entry)) != ARCHIVE_EOF) {
    // A warning is about a detail of the entry, such as a name in another character set.
    if (state != ARCHIVE_OK && state != ARCHIVE_WARN) {
      refuse(where, fmt::format("is not a sound tar or zip archive ({})", reason_of(reader)));
    }
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) continue;
    if (climbs(name))
      refuse(where, fmt::format("holds the path \"{}\", which leads out of its folder", name));
    total_bytes += static_cast<uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)));
    if (total_bytes > kTotalLimitBytes) refuse(where, "unpacks to more than 2 GiB");
    const auto member =
        std::find_if(wanted.begin(), wanted.end(), [&](const auto& w) { return w.path == name; });
    if (member != wanted.end()) contents[member->path] = read_member(reader, entry, *member, where);
  }
  for (const ArchiveMember& member : wanted) {
    if (!contents.contains(member.path)) refuse(where, fmt::format("does not hold {}", member.path));
  }
  return contents;
}

}  // namespace

std::map<std::string, std::vector<std::byte>> read_archive(const std::filesystem::path& path,
                                                           std::span<const ArchiveMember> wanted) {
  const Reader reader = new_reader();
  return read_members(reader.get(), archive_read_open_filename(reader.get(), path.c_str(), kBlockBytes),
                      path.string(), wanted);
}

std::map<std::string, std::vector<std::byte>> read_archive(std::span<const std::byte> archive,
                                                           std::string_view where,
                                                           std::span<const ArchiveMember> wanted) {
  const Reader reader = new_reader();
  return read_members(reader.get(), archive_read_open_memory(reader.get(), archive.data(), archive.size()),
                      where, wanted);
}

}  // namespace thimble::data
