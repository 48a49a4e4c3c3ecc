#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::device {

/// A value of a device and where it was read.
template <typename T>
struct Sourced {
  T value{};
  std::string source;
};

/// A latency that others measured on a device, with what our estimate says of the same software where that
/// was counted.
struct PublishedLatency {
  std::string network;
  std::string software;
  double latency_ms = 0;
  std::optional<uint64_t> macs;              ///< of the network, one inference
  std::optional<uint64_t> estimated_cycles;  ///< of the same software, with memory that needs no wait states
  bool fit = false;                          ///< stall_factor is fitted on it; the others check that
  std::string source;
};

/// A computer that networks are made for, as devices/NAME.toml describes it. What could not be found is left
/// out of the file and empty here.
struct DeviceProfile {
  std::string name;   ///< the file's, without ".toml"
  std::string title;  ///< for people: "Arduino Nano 33 BLE (nRF52840)"
  Sourced<std::string> core;
  Sourced<uint64_t> clock_hz;
  Sourced<uint64_t> ram_bytes;
  Sourced<uint64_t> flash_bytes;
  Sourced<uint64_t> alignment_bytes;                  ///< that buffers need for the widest access of the core
  std::optional<Sourced<std::string>> fpu;            ///< "none", "single", "double" or "neon"
  std::optional<Sourced<uint64_t>> channel_multiple;  ///< that the core's kernels work on at once
  std::optional<Sourced<uint64_t>> flash_wait_states;  ///< of a read that misses the flash's cache
  std::optional<Sourced<uint64_t>> cache_bytes;        ///< between the core and its slow memory
  std::optional<Sourced<double>>
      stall_factor;  ///< what memory adds to the cycles of memory without wait states
  std::optional<Sourced<double>> active_power_mw;  ///< while it computes, from its own memories, radio off
  std::optional<Sourced<double>> sleep_power_mw;   ///< asleep with its RAM kept
  std::optional<Sourced<double>>
      outer_read_nj_per_byte;           ///< on top of that, to read a byte of a memory outside the chip
  Sourced<std::string> emulated_board;  ///< QEMU's name; empty: the core's own (deploy/emulator/target.h)
  std::vector<PublishedLatency> published;
};

/// The device of that name among those built in, or the one of a user's own file (a path: with "/" or ending
/// in ".toml"). Throws Error for an unknown name (listing the known ones) and for a file with a missing or
/// unknown key, a wrong type or a value that cannot be true, naming file, line and key.
DeviceProfile load_device(std::string_view name_or_path);

/// As load_device, from the text of a file; `path` is what errors name, and names the device.
DeviceProfile parse_device(std::string_view text, std::string_view path);

/// The names of the devices that are built in, in alphabetical order.
std::vector<std::string> device_names();

/// One line of what is known of a device: key, value as text, source.
struct ProfileLine {
  std::string key;
  std::string value;
  std::string source;
};
std::vector<ProfileLine> describe(const DeviceProfile& device);
/// The SHA-256 of all that is known of a device but the sources: another where its profile was edited.
std::string sha256_of(const DeviceProfile& device);

/// The keys that the device's file leaves out because no source was found.
std::vector<std::string> unknown_values(const DeviceProfile& device);

}  // namespace thimble::device
