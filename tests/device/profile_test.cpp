#include "device/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "device/cost.h"
#include "device/timings.h"

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
  EXPECT_EQ(device_names(), (std::vector<std::string>{"esp32", "esp32c3", "nano33ble", "netduinoplus2",
                                                      "rp2040", "rpi4", "stm32h743", "stm32l4r5"}));
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
    EXPECT_TRUE(mentions(error.what(), "esp32, esp32c3, nano33ble, netduinoplus2")) << error.what();
  }
}

TEST(DeviceProfile, ram_is_what_one_array_can_have) {
  EXPECT_EQ(load_device("esp32").ram_bytes.value, 0x2c200U);
  EXPECT_EQ(load_device("esp32c3").ram_bytes.value, 0x50000U);
  EXPECT_EQ(load_device("rp2040").ram_bytes.value, 256U << 10);
}

TEST(DeviceProfile, a_file_of_the_user_loads_by_its_path) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "mine.toml", std::string_view(kValid));
  const DeviceProfile device = load_device((folder.path() / "mine.toml").string());
  EXPECT_EQ(device.name, "mine");
  EXPECT_EQ(device.title, "Mine");
  EXPECT_EQ(device.active_power_mw.value().source, "manual");
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
  for (const std::string key : {"core", "clock_hz", "ram_bytes", "flash_bytes", "alignment_bytes"}) {
    const size_t at = kValid.find("\n" + key + " =") + 1;
    const std::string without = std::string(kValid).erase(at, kValid.find('\n', at) + 1 - at);
    EXPECT_TRUE(mentions(error_of(without), "'" + key + "' is missing")) << error_of(without);
  }
  EXPECT_TRUE(mentions(error_of(with("clock_hz = 64_000_000", "clock_hz = 64_000_000\nclok = 1")), "'clok'"));
  EXPECT_TRUE(mentions(error_of(kValid + "color = \"manual\"\n"), "'color'"));
}

TEST(DeviceProfile, what_was_not_found_may_be_left_out_and_is_named) {
  const std::string text = with("active_power_mw = 9.9\n", "");
  EXPECT_TRUE(mentions(error_of(text), "'active_power_mw'")) << "its source is left over: " << error_of(text);
  const std::string source = "active_power_mw = \"manual\"\n";
  const DeviceProfile device =
      parse_device(std::string(text).erase(text.find(source), source.size()), "mine.toml");
  EXPECT_FALSE(device.active_power_mw.has_value());
  const std::vector<std::string> unknown = unknown_values(device);
  EXPECT_NE(std::ranges::find(unknown, "active_power_mw"), unknown.end());
  EXPECT_FALSE(energy_of(device, latency_of_cycles(device, 1000), 0).has_value());
  EXPECT_FALSE(duty_cycle(device, latency_of_cycles(device, 1000), Energy{}, 1000, {}).has_value());
}

TEST(DeviceProfile, a_value_without_a_source_is_refused) {
  EXPECT_TRUE(mentions(error_of(with("clock_hz = \"manual\"\n", "")), "'clock_hz' is missing"));
  EXPECT_TRUE(mentions(error_of(with("clock_hz = \"manual\"", "clock_hz = \"\"")), "'clock_hz' is empty"));
  EXPECT_TRUE(mentions(error_of(kValid.substr(0, kValid.find("[sources]"))), "'sources' is missing"));
}

TEST(DeviceProfile, a_published_latency_is_read_strictly) {
  const std::string entry =
      "[[published]]\nnetwork = \"N\"\nsoftware = \"S\"\nlatency_ms = 2.5\nsource = \"paper\"\n";
  const DeviceProfile device =
      parse_device(kValid + entry + "estimated_cycles = 1000\nfit = true\n", "mine.toml");
  ASSERT_EQ(device.published.size(), 1u);
  EXPECT_EQ(device.published[0].latency_ms, 2.5);
  EXPECT_EQ(device.published[0].estimated_cycles, 1000u);
  EXPECT_TRUE(mentions(error_of(kValid + entry + "fit = true\n"), "'fit' is true without estimated_cycles"));
  EXPECT_TRUE(mentions(error_of(kValid + entry + "latency_s = 1\n"), "'latency_s'"));
  EXPECT_TRUE(mentions(error_of(kValid + "[[published]]\nnetwork = \"N\"\n"), "'software' is missing"));
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
  EXPECT_DOUBLE_EQ(latency.low_ms, 100.0);
  EXPECT_DOUBLE_EQ(latency.high_ms, 144.0);
  EXPECT_EQ(to_string(latency.basis), "counted");
  const Energy energy = energy_of(device, latency, 1000).value();
  EXPECT_DOUBLE_EQ(energy.energy_uj, 990.0);
  EXPECT_DOUBLE_EQ(energy.low_uj, 990.0);
  EXPECT_DOUBLE_EQ(energy.high_uj, 1.44 * 990.0);
  EXPECT_EQ(energy.memory_uj, 0) << "the profile says nothing of memory";
  EXPECT_TRUE(mentions(energy.source, "manual") && mentions(energy.source, "counted")) << energy.source;
}

TEST(Cost, an_outer_memory_takes_energy_for_every_byte_that_is_read_of_it) {
  std::string text = with("active_power_mw = 9.9\n", "active_power_mw = 9.9\nouter_read_nj_per_byte = 0.5\n");
  EXPECT_TRUE(mentions(error_of(text), "'outer_read_nj_per_byte' is missing")) << "it has no source";
  text += "outer_read_nj_per_byte = \"flash data sheet\"\n";
  const DeviceProfile device = parse_device(text, "mine.toml");
  const Energy energy = energy_of(device, latency_of_cycles(device, 6'400'000), 40'000).value();
  EXPECT_DOUBLE_EQ(energy.memory_uj, 20.0);
  EXPECT_DOUBLE_EQ(energy.energy_uj, 1010.0);
  EXPECT_DOUBLE_EQ(energy.low_uj, 1010.0);
  EXPECT_TRUE(mentions(energy.source, "flash data sheet")) << energy.source;
}

TEST(Cost, a_stall_factor_widens_the_range_that_it_leaves) {
  const std::string text =
      std::string(kValid).replace(std::string(kValid).find("[sources]"), 0, "stall_factor = 2.0\n") +
      "stall_factor = \"measured\"\n";
  const Latency latency = latency_of_cycles(parse_device(text, "mine.toml"), 6'400'000);
  EXPECT_DOUBLE_EQ(latency.latency_ms, 200.0);
  EXPECT_DOUBLE_EQ(latency.low_ms, 100.0);
  EXPECT_DOUBLE_EQ(latency.high_ms, 200.0);
}

TEST(Cost, a_battery_lasts_by_the_power_awake_and_asleep) {
  const DeviceProfile device = parse_device(kValid, "mine.toml");
  const Latency latency = latency_of_cycles(device, 6'400'000);  // 100 ms
  const DutyCycle cycle =
      duty_cycle(device, latency, energy_of(device, latency, 0), 1000, {.capacity_mah = 230, .voltage_v = 3})
          .value();
  EXPECT_DOUBLE_EQ(cycle.awake, 0.1);
  EXPECT_DOUBLE_EQ(cycle.average_power_mw, 0.1 * 9.9 + 0.9 * 0.007);
  EXPECT_DOUBLE_EQ(cycle.battery_hours, 690 / cycle.average_power_mw);
  EXPECT_THROW(duty_cycle(device, latency, energy_of(device, latency, 0), 99, {}), Error);
  EXPECT_FALSE(duty_cycle(device, latency, std::nullopt, 1000, {}).has_value());
  Energy reads_much = energy_of(device, latency, 0).value();
  reads_much.memory_uj = 500;
  EXPECT_DOUBLE_EQ(duty_cycle(device, latency, reads_much, 1000, {}).value().average_power_mw,
                   cycle.average_power_mw + 0.5);
}

TEST(Cost, the_built_in_stall_factor_is_the_fitted_one_and_predicts_what_was_left_out) {
  const DeviceProfile device = load_device("stm32l4r5");
  const Calibration calibration = calibrate(device);
  EXPECT_NEAR(device.stall_factor.value().value, calibration.fitted_stall_factor.value(), 0.005);
  size_t left_out = 0;
  for (const Comparison& one : calibration.comparisons) {
    if (!one.published->fit) ++left_out;
    EXPECT_LT(std::abs(one.error), one.published->fit ? 0.02 : 0.11) << one.published->network;
    const double ratio =
        one.published->latency_ms * 120e3 / static_cast<double>(*one.published->estimated_cycles);
    EXPECT_LE(ratio, core_timings("cortex-m4f")->high) << "the range covers every published point";
  }
  EXPECT_EQ(left_out, 2u);
  EXPECT_NEAR(calibration.largest_error_left_out.value(), 0.099, 0.002);
  EXPECT_TRUE(mentions(describe_calibration(device), "2 of them, left out of the fit, differ by up to 9.9 %"))
      << describe_calibration(device);
}

TEST(Cost, a_device_without_a_published_latency_that_can_be_compared_says_so) {
  EXPECT_TRUE(mentions(describe_calibration(load_device("nano33ble")), "none is known"));
  EXPECT_TRUE(mentions(describe_calibration(load_device("esp32")), "their software was not counted"));
}

TEST(Cost, every_built_in_device_has_timings) {
  for (const std::string& name : device_names()) {
    const DeviceProfile device = load_device(name);
    ASSERT_NE(core_timings(device.core.value), nullptr) << name;
    const Latency latency = latency_of_cycles(device, 1'000'000);
    EXPECT_LE(latency.low_ms, latency.latency_ms) << name;
    EXPECT_GE(latency.high_ms, latency.latency_ms) << name;
  }
}

}  // namespace
}  // namespace thimble::device
