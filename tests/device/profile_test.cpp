#include "device/profile.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "device/cost.h"

namespace thimble::device {
namespace {

const std::string kValid = R"(title = "Mine"
core = "cortex-m4f"
clock_hz = 64_000_000
ram_bytes = 262_144
flash_bytes = 1_048_576
alignment_bytes = 4
flash_wait_states = 2
active_power_mw = 9.9
sleep_power_mw = 0.007
[sources]
core = "manual"
clock_hz = "manual"
ram_bytes = "manual"
flash_bytes = "manual"
alignment_bytes = "manual"
flash_wait_states = "manual"
active_power_mw = "manual"
sleep_power_mw = "manual"
)";

std::string with(const std::string& line, const std::string& replacement) {
  std::string text = kValid;
  const size_t at = text.find(line);
  EXPECT_NE(at, std::string::npos) << line;
  return text.replace(at, line.size(), replacement);
}

std::string error_of(const std::string& text) {
  try {
    parse_device(text, "mine.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(DeviceProfile, every_built_in_device_loads_and_every_value_has_a_source) {
  EXPECT_EQ(device_names(), (std::vector<std::string>{"nano33ble", "stm32l4r5"}));
  for (const std::string& name : device_names()) {
    const DeviceProfile device = load_device(name);
    EXPECT_EQ(device.name, name);
    for (const ProfileLine& line : describe(device))
      EXPECT_GT(line.source.size(), 10u) << name << " " << line.key;
  }
  EXPECT_EQ(load_device("nano33ble").clock_hz.value, 64'000'000u);
  EXPECT_EQ(load_device("nano33ble").ram_bytes.value, 256u * 1024);
  EXPECT_EQ(load_device("stm32l4r5").clock_hz.value, 120'000'000u);
}

TEST(DeviceProfile, an_unknown_name_lists_the_known_ones) {
  try {
    load_device("nano34");
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(mentions(error.what(), "nano34")) << error.what();
    EXPECT_TRUE(mentions(error.what(), "nano33ble, stm32l4r5")) << error.what();
  }
}

TEST(DeviceProfile, a_file_of_the_user_loads_by_its_path) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "mine.toml", std::string_view(kValid));
  const DeviceProfile device = load_device((folder.path() / "mine.toml").string());
  EXPECT_EQ(device.name, "mine");
  EXPECT_EQ(device.title, "Mine");
  EXPECT_EQ(device.active_power_mw.source, "manual");
  EXPECT_THROW(load_device((folder.path() / "absent.toml").string()), Error);
}

TEST(DeviceProfile, errors_name_file_line_and_key) {
  const std::string error = error_of(with("clock_hz = 64_000_000", "clock_hz = 0"));
  EXPECT_TRUE(mentions(error, "mine.toml:3")) << error;
  EXPECT_TRUE(mentions(error, "'clock_hz'")) << error;
}

TEST(DeviceProfile, values_that_cannot_be_true_are_refused) {
  const std::pair<const char*, const char*> cases[] = {
      {"clock_hz = 64_000_000", "clock_hz = 64"},           // megahertz
      {"clock_hz = 64_000_000", "clock_hz = 64000"},        // kilohertz
      {"ram_bytes = 262_144", "ram_bytes = -1"},            //
      {"ram_bytes = 262_144", "ram_bytes = 256"},           // kilobytes
      {"flash_bytes = 1_048_576", "flash_bytes = 1"},       // megabytes
      {"alignment_bytes = 4", "alignment_bytes = 3"},       //
      {"active_power_mw = 9.9", "active_power_mw = 0"},     //
      {"active_power_mw = 9.9", "active_power_mw = nan"},   //
      {"active_power_mw = 9.9", "active_power_mw = -9.9"},  //
      {"sleep_power_mw = 0.007", "sleep_power_mw = 7050"},  // nanowatts
      {"core = \"cortex-m4f\"", "core = \"cortex-m99\""},   //
  };
  for (const auto& [line, replacement] : cases) {
    const std::string key = std::string(replacement).substr(0, std::string(replacement).find(' '));
    const std::string error = error_of(with(line, replacement));
    EXPECT_TRUE(mentions(error, "mine.toml:") && mentions(error, "'" + key + "'"))
        << replacement << ": " << error;
  }
}

TEST(DeviceProfile, wrong_types_are_refused) {
  EXPECT_TRUE(mentions(error_of(with("clock_hz = 64_000_000", "clock_hz = \"64 MHz\"")), "'clock_hz'"));
  EXPECT_TRUE(mentions(error_of(with("clock_hz = 64_000_000", "clock_hz = 64e6")), "'clock_hz'"));
  EXPECT_TRUE(mentions(error_of(with("title = \"Mine\"", "title = 5")), "'title'"));
  EXPECT_TRUE(mentions(error_of(with("core = \"cortex-m4f\"", "core = 4")), "'core'"));
}

TEST(DeviceProfile, missing_and_unknown_keys_are_refused) {
  for (const ProfileLine& line : describe(parse_device(kValid, "mine.toml"))) {
    const size_t at = kValid.find("\n" + line.key + " =") + 1;
    const std::string without = std::string(kValid).erase(at, kValid.find('\n', at) + 1 - at);
    EXPECT_TRUE(mentions(error_of(without), "'" + line.key + "' is missing")) << error_of(without);
  }
  EXPECT_TRUE(mentions(error_of(with("clock_hz = 64_000_000", "clock_hz = 64_000_000\nclok = 1")), "'clok'"));
  EXPECT_TRUE(mentions(error_of(kValid + "color = \"manual\"\n"), "'color'"));
}

TEST(DeviceProfile, a_value_without_a_source_is_refused) {
  EXPECT_TRUE(mentions(error_of(with("clock_hz = \"manual\"\n", "")), "'clock_hz' is missing"));
  EXPECT_TRUE(mentions(error_of(with("clock_hz = \"manual\"", "clock_hz = \"\"")), "'clock_hz' is empty"));
  EXPECT_TRUE(mentions(error_of(kValid.substr(0, kValid.find("[sources]"))), "'sources' is missing"));
}

TEST(DeviceProfile, what_is_no_toml_is_refused) {
  EXPECT_TRUE(mentions(error_of("title = \"Mine"), "mine.toml:1")) << error_of("title = \"Mine");
  EXPECT_NE(error_of(std::string("\x00\xff\xfe", 3)), "no error");
  EXPECT_NE(error_of(""), "no error");
}

TEST(Cost, latency_is_cycles_over_clock_and_energy_is_power_times_time) {
  const DeviceProfile device = parse_device(kValid, "mine.toml");
  const Latency latency = latency_of_cycles(device, 6'400'000);
  EXPECT_DOUBLE_EQ(latency.latency_ms, 100.0);
  EXPECT_EQ(to_string(latency.basis), "counted");
  const Energy energy = energy_of(device, latency);
  EXPECT_DOUBLE_EQ(energy.energy_uj, 990.0);
  EXPECT_TRUE(mentions(energy.source, "manual") && mentions(energy.source, "counted")) << energy.source;
}

}  // namespace
}  // namespace thimble::device
