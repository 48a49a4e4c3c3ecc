#include "data/source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "data/archive.h"
#include "data/gzip.h"

namespace thimble::data {
namespace {

using std::filesystem::path;

/// The value of an environment variable, or an empty path.
path folder_from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr ? path(value) : path();
}

/// True for a dangling link too: what cannot be read where the user put it is an error and not a reason to
/// look elsewhere.
bool is_there(const path& file) {
  return std::filesystem::symlink_status(file).type() != std::filesystem::file_type::not_found;
}

const SourceFile& file_named(const Source& source, const std::string& name) {
  const auto file =
      std::find_if(source.files.begin(), source.files.end(), [&](const auto& f) { return f.name == name; });
  assert(file != source.files.end());
  return *file;
}

/// Its SHA-256; throws Error when it is not the file's.
std::string check(const SourceFile& file, std::span<const std::byte> content, const std::string& where) {
  const std::string found = sha256(content);
  if (found == file.sha256) return found;
  if (file.is_sound != nullptr && content.size() == file.bytes && file.is_sound(content)) return found;
  throw Error(
      where,
      fmt::format("has SHA-256 {}, expected {}: the file is damaged or another one", found, file.sha256),
      "Delete it and run again; it is then fetched anew");
}

std::vector<ArchiveMember> members_of(const Source& source, std::span<const std::string> names) {
  std::vector<ArchiveMember> members;
  for (const std::string& name : names)
    members.push_back({source.archive_folder + name, file_named(source, name).bytes});
  return members;
}

/// Contents by SourceFile::name from those by their paths in an archive.
Contents without_folder(const Source& source, Contents&& members) {
  Contents contents;
  for (auto& [member, bytes] : members)
    contents[member.substr(source.archive_folder.size())] = std::move(bytes);
  return contents;
}

Contents unpack_inner(const Source& source, const SourceArchive& archive, std::span<const std::byte> inner,
                      const std::string& where, std::span<const std::string> names) {
  return without_folder(
      source, read_archive(inner, fmt::format("{}: {}", where, archive.inner), members_of(source, names)));
}

Contents unpack_file(const Source& source, const SourceArchive& archive, const path& file,
                     std::span<const std::string> names) {
  if (archive.inner.empty()) return without_folder(source, read_archive(file, members_of(source, names)));
  const std::array outer = {ArchiveMember{archive.inner, archive.inner_limit_bytes}};
  return unpack_inner(source, archive, read_archive(file, outer).at(archive.inner), file.string(), names);
}

/// The wanted files that lie in `folder`, checked.
std::map<std::string, SourceContent> read_folder(const Source& source, std::span<const std::string> names,
                                                 const path& folder) {
  std::map<std::string, SourceContent> found;
  std::vector<std::string> packed;
  for (const std::string& name : names) {
    const SourceFile& file = file_named(source, name);
    const path unpacked = folder / source.archive_folder / name;
    const path plain = is_there(unpacked) ? unpacked : folder / name;
    const path gzipped = folder / (name + ".gz");
    if (is_there(plain)) {
      found[name] = {name, plain.string(), folder.string(), "", read_file(plain, file.bytes)};
    } else if (is_there(gzipped)) {
      // A gzip file is never much larger than what it holds.
      found[name] = {name, gzipped.string(), folder.string(), "",
                     gunzip(read_file(gzipped, file.bytes + 4096), file.bytes, gzipped.string())};
    } else {
      packed.push_back(name);
    }
  }
  for (const SourceArchive& archive : source.archives) {
    if (packed.empty() || !is_there(folder / archive.name)) continue;
    for (auto& [name, bytes] : unpack_file(source, archive, folder / archive.name, packed)) {
      const std::string where =
          fmt::format("{}: {}{}", (folder / archive.name).string(), source.archive_folder, name);
      found[name] = {name, where, (folder / archive.name).string(), "", std::move(bytes)};
    }
    packed.clear();
  }
  for (auto& [name, content] : found)
    content.sha256 = check(file_named(source, name), content.bytes, content.where);
  return found;
}

/// All files of the set, checked, from the first mirror that delivers them.
Contents fetch(const Source& source) {
  std::vector<std::string> reasons;
  for (const Mirror& mirror : source.mirrors) {
    try {
      Contents contents = mirror.fetch();
      for (const SourceFile& file : source.files) {
        check(file, contents[file.name], fmt::format("{} from the {}", file.name, mirror.name));
      }
      return contents;
    } catch (const Error& error) {
      reasons.emplace_back(error.what());
    }
  }
  std::vector<std::string> folders;
  for (const path& folder : search_folders(source.set)) folders.push_back(folder.string());
  throw Error(fmt::format("data set {}", source.set),
              fmt::format("is not in {}, and could not be fetched. {}", fmt::join(folders, " or "),
                          fmt::join(reasons, " ")),
              fmt::format("Mend one of these, or put the official files into {} by hand", folders.front()));
}

}  // namespace

path cache_folder(const std::string& set) {
  // The XDG base directory specification tells to ignore a relative path.
  const path cache = folder_from_environment("XDG_CACHE_HOME");
  if (cache.is_absolute()) return cache / "thimble" / set;
  const path home = folder_from_environment("HOME");
  if (!home.empty()) return home / ".cache" / "thimble" / set;
  throw Error("environment",
              "has neither HOME nor XDG_CACHE_HOME, so there is no folder to keep data sets in",
              "Set HOME, or set THIMBLE_DATA to a folder that has the data sets");
}

std::vector<path> search_folders(const std::string& set) {
  std::vector<path> folders;
  const path given = folder_from_environment("THIMBLE_DATA");
  if (!given.empty()) folders.push_back(given / set);
  folders.push_back(cache_folder(set));
  return folders;
}

std::vector<SourceContent> read_files(const Source& source, std::span<const std::string> names) {
  std::map<std::string, SourceContent> found;
  std::vector<std::string> missing(names.begin(), names.end());
  for (const path& folder : search_folders(source.set)) {
    found.merge(read_folder(source, missing, folder));
    std::erase_if(missing, [&](const std::string& name) { return found.contains(name); });
  }
  if (!missing.empty()) {
    const path cache = cache_folder(source.set);
    for (auto& [name, bytes] : fetch(source)) {
      write_file_atomically(cache / name, bytes);
      const std::string hash = sha256(bytes);
      found.try_emplace(name,
                        SourceContent{name, (cache / name).string(), cache.string(), hash, std::move(bytes)});
    }
  }
  std::vector<SourceContent> contents;
  for (const std::string& name : names) contents.push_back(std::move(found.at(name)));
  return contents;
}

Contents unpack(const Source& source, const SourceArchive& archive, std::span<const std::byte> content) {
  std::vector<std::string> names;
  for (const SourceFile& file : source.files) names.push_back(file.name);
  if (archive.inner.empty())
    return without_folder(source, read_archive(content, archive.name, members_of(source, names)));
  const std::array outer = {ArchiveMember{archive.inner, archive.inner_limit_bytes}};
  const auto inner = read_archive(content, archive.name, outer);
  return unpack_inner(source, archive, inner.at(archive.inner), archive.name, names);
}

std::string listing_sha256(std::span<const SourceContent> contents) {
  std::string listing;
  for (const SourceContent& content : contents)
    listing += fmt::format("{}  {}\n", content.sha256, content.name);
  return sha256(std::as_bytes(std::span(listing)));
}

}  // namespace thimble::data
