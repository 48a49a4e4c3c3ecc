#include "device/profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/embedded.h"
#include "base/error.h"
#include "base/files.h"
#include "base/toml_table.h"

namespace thimble::device {

const std::vector<EmbeddedFile>& embedded_devices();

namespace {

constexpr uint64_t kLargestProfileBytes = 1 << 20;
constexpr int64_t kKiB = 1024;
const std::vector<std::string> kCores = {"cortex-m0plus", "cortex-m4f", "cortex-m7",
                                         "cortex-a72",    "rv32imc",    "xtensa-lx6"};

bool is_path(std::string_view text) {
  return text.find('/') != std::string_view::npos || text.ends_with(".toml");
}

std::string stem_of(std::string_view path) { return std::filesystem::path(path).stem().string(); }

/// Reads the values of a profile, each with its entry in [sources].
class Reader {
 public:
  explicit Reader(TomlTable& table) : table_(table), sources_(open_sources(table)) {}

  Sourced<std::string> choice(std::string_view key, const std::vector<std::string>& words) {
    static_cast<void>(table_.text(key));  // TomlTable::choice takes a key that is left out for the first word
    return {table_.choice(key, words), source_of(key)};
  }
  std::optional<Sourced<std::string>> optional_choice(std::string_view key,
                                                      const std::vector<std::string>& words) {
    if (!table_.has(key)) return std::nullopt;
    return choice(key, words);
  }
  /// Empty when it is left out.
  Sourced<std::string> optional_text(std::string_view key) {
    if (!table_.has(key)) return {};
    return {table_.text(key), source_of(key)};
  }
  Sourced<uint64_t> integer(std::string_view key, int64_t low, int64_t high) {
    return {static_cast<uint64_t>(table_.integer(key, low, high)), source_of(key)};
  }
  std::optional<Sourced<uint64_t>> optional_integer(std::string_view key, int64_t low, int64_t high) {
    if (!table_.has(key)) return std::nullopt;
    return integer(key, low, high);
  }
  std::optional<Sourced<double>> optional_number(std::string_view key, double low, double high) {
    if (!table_.has(key)) return std::nullopt;
    return Sourced<double>{table_.number(key, low, high), source_of(key)};
  }
  void expect_no_other_keys() const {
    table_.expect_no_other_keys();
    sources_.expect_no_other_keys();
  }

 private:
  static TomlTable open_sources(TomlTable& table) {
    auto sources = table.table("sources");
    if (!sources)
      table.fail("sources", "is missing", "Add [sources] with a line for every value: where it was read");
    return std::move(*sources);
  }
  std::string source_of(std::string_view key) {
    std::string source = sources_.text(key);
    if (source.empty()) sources_.fail(key, "is empty", "Say where the value was read");
    return source;
  }

  TomlTable& table_;
  TomlTable sources_;
};

std::vector<PublishedLatency> read_published(TomlTable& table) {
  std::vector<PublishedLatency> all;
  for (TomlTable& entry : table.tables("published")) {
    PublishedLatency one;
    one.network = entry.text("network");
    one.software = entry.text("software");
    one.latency_ms = entry.number("latency_ms", 1e-3, 1e7);
    one.source = entry.text("source");
    if (entry.has("macs")) one.macs = static_cast<uint64_t>(entry.integer("macs", 1, 1'000'000'000'000));
    if (entry.has("estimated_cycles")) {
      one.estimated_cycles = static_cast<uint64_t>(entry.integer("estimated_cycles", 1, 1'000'000'000'000));
    }
    one.fit = entry.flag("fit", false);
    entry.expect_no_other_keys();
    if (one.fit && !one.estimated_cycles) {
      entry.fail("fit", "is true without estimated_cycles", "Nothing can be fitted on a latency alone");
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

DeviceProfile parse_device(std::string_view text, std::string_view path) {
  TomlTable table = TomlTable::parse(text, path);
  DeviceProfile device;
  device.name = stem_of(path);
  device.title = table.text("title");
  // The ranges are wide enough for any device and narrow enough that a value in the wrong unit falls outside.
  Reader reader(table);
  device.core = reader.choice("core", kCores);
  device.fpu = reader.optional_choice("fpu", {"none", "single", "double", "neon"});
  device.clock_hz = reader.integer("clock_hz", 100'000, 10'000'000'000);
  device.ram_bytes = reader.integer("ram_bytes", kKiB, kKiB * kKiB * kKiB * kKiB);
  device.flash_bytes = reader.integer("flash_bytes", kKiB, kKiB * kKiB * kKiB * kKiB);
  device.alignment_bytes = reader.integer("alignment_bytes", 1, 4096);
  device.channel_multiple = reader.optional_integer("channel_multiple", 1, 64);
  device.flash_wait_states = reader.optional_integer("flash_wait_states", 0, 100);
  device.cache_bytes = reader.optional_integer("cache_bytes", 0, kKiB * kKiB * kKiB);
  device.stall_factor = reader.optional_number("stall_factor", 1, 100);
  device.active_power_mw = reader.optional_number("active_power_mw", 0.01, 1e6);
  device.sleep_power_mw = reader.optional_number("sleep_power_mw", 0, 1e6);
  device.outer_read_nj_per_byte = reader.optional_number("outer_read_nj_per_byte", 1e-3, 1e3);
  device.emulated_board = reader.optional_text("emulated_board");
  device.published = read_published(table);
  reader.expect_no_other_keys();
  if ((device.alignment_bytes.value & (device.alignment_bytes.value - 1)) != 0) {
    table.fail("alignment_bytes", "is not a power of two", "Give the alignment of the core's widest access");
  }
  if (device.sleep_power_mw && device.active_power_mw &&
      device.sleep_power_mw->value >= device.active_power_mw->value) {
    table.fail("sleep_power_mw", "is not below active_power_mw", "Check that both are in milliwatts");
  }
  return device;
}

DeviceProfile load_device(std::string_view name_or_path) {
  if (is_path(name_or_path)) {
    return parse_device(read_text(std::filesystem::path(name_or_path), kLargestProfileBytes), name_or_path);
  }
  for (const EmbeddedFile& file : embedded_devices()) {
    if (stem_of(file.name) == name_or_path)
      return parse_device(file.content, fmt::format("devices/{}", file.name));
  }
  throw Error(fmt::format("device \"{}\"", name_or_path), "is not known",
              fmt::format("Take one of: {}; or give the path of a .toml file of your own",
                          fmt::join(device_names(), ", ")));
}

std::vector<std::string> device_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_devices()) names.push_back(stem_of(file.name));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<ProfileLine> describe(const DeviceProfile& device) {
  const auto line = [](std::string_view key, const auto& entry) {
    return ProfileLine{std::string(key), fmt::format("{}", entry.value), entry.source};
  };
  std::vector<ProfileLine> lines = {
      line("core", device.core), line("clock_hz", device.clock_hz), line("ram_bytes", device.ram_bytes),
      line("flash_bytes", device.flash_bytes), line("alignment_bytes", device.alignment_bytes)};
  const auto add = [&](std::string_view key, const auto& entry) {
    if (entry) lines.push_back(line(key, *entry));
  };
  add("fpu", device.fpu);
  add("channel_multiple", device.channel_multiple);
  add("flash_wait_states", device.flash_wait_states);
  add("cache_bytes", device.cache_bytes);
  add("stall_factor", device.stall_factor);
  add("active_power_mw", device.active_power_mw);
  add("sleep_power_mw", device.sleep_power_mw);
  add("outer_read_nj_per_byte", device.outer_read_nj_per_byte);
  if (!device.emulated_board.value.empty()) lines.push_back(line("emulated_board", device.emulated_board));
  return lines;
}

std::string sha256_of(const DeviceProfile& device) {
  std::string text;
  for (const ProfileLine& line : describe(device)) text += fmt::format("{} = {}\n", line.key, line.value);
  return sha256(std::as_bytes(std::span<const char>(text)));
}

std::vector<std::string> unknown_values(const DeviceProfile& device) {
  std::vector<std::string> keys;
  const auto add = [&](std::string_view key, const auto& entry) {
    if (!entry) keys.emplace_back(key);
  };
  add("fpu", device.fpu);
  add("channel_multiple", device.channel_multiple);
  add("flash_wait_states", device.flash_wait_states);
  add("cache_bytes", device.cache_bytes);
  add("stall_factor", device.stall_factor);
  add("active_power_mw", device.active_power_mw);
  add("sleep_power_mw", device.sleep_power_mw);
  add("outer_read_nj_per_byte", device.outer_read_nj_per_byte);
  return keys;
}

}  // namespace thimble::device
