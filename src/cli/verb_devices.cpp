#include <fmt/format.h>

#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
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
  print(common, document, text);
}

}  // namespace

void add_devices(CLI::App& program) {
  static CommonOptions common;
  static std::string name;
  CLI::App* verb = program.add_subcommand("devices", "devices: list, show NAME")->require_subcommand(1);
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
}

}  // namespace thimble::cli
