#include <fmt/format.h>

#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "device/cost.h"
#include "device/profile.h"

namespace thimble::cli {
namespace {

void list_devices(const CommonOptions& common) {
  nlohmann::json document = nlohmann::json::array();
  Table table({"name", "clock", "RAM", "flash", "device"});
  for (const std::string& name : device::device_names()) {
    const device::DeviceProfile profile = device::load_device(name);
    document.push_back({{"name", name},
                        {"title", profile.title},
                        {"clock_hz", profile.clock_hz.value},
                        {"ram_bytes", profile.ram_bytes.value},
                        {"flash_bytes", profile.flash_bytes.value}});
    table.add({name, fmt::format("{:.0f} MHz", static_cast<double>(profile.clock_hz.value) / 1e6),
               fmt::format("{} KB", profile.ram_bytes.value / 1024),
               fmt::format("{} KB", profile.flash_bytes.value / 1024), profile.title});
  }
  print(common, document, table.text());
}

void show_device(const CommonOptions& common, const std::string& name) {
  const device::DeviceProfile profile = device::load_device(name);
  nlohmann::json document = {{"name", profile.name}, {"title", profile.title}};
  std::string text = profile.title + "\n\n";
  for (const device::ProfileLine& line : device::describe(profile)) {
    document["values"].push_back({{"key", line.key}, {"value", line.value}, {"source", line.source}});
    text += fmt::format("{:<20} {}\n{:<20}   {}\n", line.key, line.value, "", line.source);
  }
  for (const std::string& key : device::unknown_values(profile)) {
    document["values"].push_back({{"key", key}, {"value", nullptr}, {"source", nullptr}});
    text += fmt::format("{:<20} unknown\n", key);
  }
  print(common, document, text);
}

nlohmann::json calibrate_one(const device::DeviceProfile& profile, std::string& text) {
  const device::Calibration calibration = device::calibrate(profile);
  nlohmann::json document = {{"device", profile.name},
                             {"stall_factor", nullptr},
                             {"comparisons", nlohmann::json::array()},
                             {"not_compared", nlohmann::json::array()}};
  Table table({profile.name, "software", "published", "predicted", "between", "error", ""});
  for (const device::Comparison& one : calibration.comparisons) {
    table.add(
        {one.published->network, one.published->software, fmt::format("{:.2f} ms", one.published->latency_ms),
         fmt::format("{:.2f} ms", one.predicted_ms),
         fmt::format("{:.2f} and {:.2f} ms", one.low_ms, one.high_ms),
         fmt::format("{:+.1f} %", 100 * one.error), one.published->fit ? "fitted" : "left out of the fit"});
    document["comparisons"].push_back({{"network", one.published->network},
                                       {"software", one.published->software},
                                       {"published_ms", one.published->latency_ms},
                                       {"predicted_ms", one.predicted_ms},
                                       {"low_ms", one.low_ms},
                                       {"high_ms", one.high_ms},
                                       {"error", one.error},
                                       {"fitted", one.published->fit},
                                       {"source", one.published->source}});
  }
  if (!calibration.comparisons.empty()) text += table.text();
  if (calibration.fitted_stall_factor) {
    document["stall_factor"] = *calibration.fitted_stall_factor;
    text += fmt::format("stalls of its memory: {:.3f} times the cycles of memory without wait states\n",
                        *calibration.fitted_stall_factor);
  }
  for (const device::PublishedLatency& one : profile.published) {
    if (one.estimated_cycles) continue;
    document["not_compared"].push_back({{"network", one.network},
                                        {"software", one.software},
                                        {"published_ms", one.latency_ms},
                                        {"source", one.source}});
    std::string line =
        fmt::format("{}: {} takes {} ms with {}", profile.name, one.network, one.latency_ms, one.software);
    if (one.macs) {
      const double cycles = one.latency_ms * 1e-3 * static_cast<double>(profile.clock_hz.value);
      line += fmt::format(", {:.2f} cycles a multiply-accumulate", cycles / static_cast<double>(*one.macs));
    }
    text += wrapped(line + fmt::format(" ({}).", one.source)) + "\n";
  }
  document["summary"] = device::describe_calibration(profile);
  text += wrapped(device::describe_calibration(profile)) + "\n";
  text += "\n";
  return document;
}

void calibrate_devices(const CommonOptions& common, const std::string& name) {
  nlohmann::json document = nlohmann::json::array();
  std::string text;
  const std::vector<std::string> names =
      name.empty() ? device::device_names() : std::vector<std::string>{name};
  for (const std::string& each : names) document.push_back(calibrate_one(device::load_device(each), text));
  print(common, document, text);
}

}  // namespace

void add_devices(CLI::App& program) {
  static CommonOptions common;
  static std::string name;
  CLI::App* verb =
      program.add_subcommand("devices", "devices: list, show NAME, calibrate")->require_subcommand(1);
  verb->footer("Example:\n  thimble devices show nano33ble");
  add_verb(*verb, "list", "the devices that are known", "", "thimble devices list", common)->callback([] {
    list_devices(common);
  });
  CLI::App* one =
      add_verb(*verb, "show", "every value with its source", "", "thimble devices show nano33ble", common);
  one->add_option("NAME", name, "a device's name, or the path of your own profile")
      ->required()
      ->option_text(" ");
  one->callback([] { show_device(common, name); });
  CLI::App* calibrate = add_verb(*verb, "calibrate", "the latency estimate beside what others measured",
                                 "Factors are fitted on some published latencies and checked on the others.",
                                 "thimble devices calibrate stm32l4r5", common);
  calibrate->add_option("NAME", name, "one device; without it, all")->option_text(" ");
  calibrate->callback([] { calibrate_devices(common, name); });
}

}  // namespace thimble::cli
