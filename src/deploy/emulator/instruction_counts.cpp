#include "deploy/emulator/instruction_counts.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <unordered_map>

#include "base/error.h"

namespace thimble::deploy {
namespace {

constexpr std::string_view kRegionEnd = "thimble_region_end";
constexpr std::string_view kCaller = "thimble_call_measured";

/// A function's name without what the compiler appends to a copy of it: "f.constprop.0" is "f", and so is
/// "f$constprop$0", as it is for Xtensa.
std::string source_name(const std::string& name) { return name.substr(0, name.find_first_of(".$")); }

/// A part of a function that the compiler split off is not its entry.
bool is_entry(const std::string& name) {
  const std::string appended = name.substr(std::min(name.size(), name.find_first_of(".$")));
  return appended.find("part") == std::string::npos && appended.find("cold") == std::string::npos;
}

class CountReader {
 public:
  CountReader(const Image& image, const std::string& prefix, device::CycleModel cycles)
      : image_(image), cycles_(cycles), run_(prefix + "_run") {
    for (size_t i = 0; i < image.instructions.size(); ++i) index_[image.instructions[i].address] = i;
    region_end_ = image.address_of(kRegionEnd).value_or(0);
    run_address_ = image.address_of(run_).value_or(0);
  }

  /// What follows was counted between the entries of `from` and `to`.
  void begin_section(uint32_t from, uint32_t to) {
    finish_section();
    if (from == run_address_) {
      if (inside_) fail();
      inside_ = true;
      costs_.emplace_back();
      row(run_);
    }
    is_last_ = to == region_end_;
    const Image::Function* const function = image_.function_at(from);
    layer_ = function != nullptr ? source_name(function->name) : "";
  }

  void add(uint32_t address, uint64_t executions, uint64_t taken) {
    const auto found = index_.find(address);
    if (found == index_.end()) fail();
    counted_[found->second] = {executions, taken};
  }

  std::vector<InferenceCost> finish() {
    finish_section();
    if (inside_) fail();
    return std::move(costs_);
  }

 private:
  [[noreturn]] static void fail() {
    throw Error("the counts of instructions", "are not whole or do not fit the program",
                "Run the command again; if it stays, please report it");
  }

  FunctionCost& row(const std::string& function) {
    std::vector<FunctionCost>& rows = costs_.back().functions;
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [&](const FunctionCost& cost) { return cost.function == function; });
    if (found != rows.end()) return *found;
    rows.push_back({function, 0, 0});
    return rows.back();
  }

  void finish_section() {
    if (inside_) {
      std::map<std::string, std::vector<device::Instruction>> code;  // of each function that is charged
      for (const auto& [position, count] : counted_) {
        device::Instruction instruction = image_.instructions[position];
        const Image::Function* const function = image_.function_at(instruction.address);
        const std::string owner = function != nullptr ? source_name(function->name) : "";
        if (owner == kCaller) continue;
        instruction.executions = count.executions;
        instruction.taken = count.taken;
        code[owner == run_ ? run_ : layer_].push_back(std::move(instruction));
      }
      for (const auto& [function, instructions] : code) charge(function, instructions);
    }
    counted_.clear();
    if (is_last_) inside_ = false;
  }

  void charge(const std::string& function, const std::vector<device::Instruction>& code) {
    uint64_t instructions = 0;
    for (const device::Instruction& one : code) instructions += one.executions;
    const uint64_t cycles = cycles_ != nullptr ? cycles_(code) : 0;
    FunctionCost& cost = row(function);
    cost.instructions += instructions;
    cost.cycles += cycles;
    costs_.back().instructions += instructions;
    costs_.back().cycles += cycles;
  }

  struct Count {
    uint64_t executions;
    uint64_t taken;
  };

  const Image& image_;
  device::CycleModel cycles_;
  std::string run_;
  uint32_t run_address_ = 0;
  uint32_t region_end_ = 0;
  std::unordered_map<uint32_t, size_t> index_;
  std::map<size_t, Count> counted_;
  bool inside_ = false;   ///< an inference, from its run function to the end of the region
  bool is_last_ = false;  ///< this section is the inference's last
  std::string layer_;
  std::vector<InferenceCost> costs_;
};

}  // namespace

std::vector<uint32_t> cuts_of(const Image& image, const std::string& prefix) {
  const std::string layer = prefix + "_layer_";
  std::vector<uint32_t> cuts;
  for (const Image::Function& function : image.functions) {
    const bool is_layer = function.name.starts_with(layer) && is_entry(function.name);
    if (is_layer || function.name == prefix + "_run" || function.name == kRegionEnd)
      cuts.push_back(function.address);
  }
  return cuts;
}

std::vector<InferenceCost> parse_counts(std::string_view text, const Image& image, const std::string& prefix,
                                        device::CycleModel cycles) {
  CountReader reader(image, prefix, cycles);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    uint32_t address = 0;
    uint32_t to = 0;
    uint64_t executions = 0;
    uint64_t taken = 0;
    if (std::sscanf(line.c_str(), "from %" SCNx32 " to %" SCNx32, &address, &to) == 2) {
      reader.begin_section(address, to);
    } else if (std::sscanf(line.c_str(), "%" SCNx32 " %" SCNu64 " %" SCNu64, &address, &executions, &taken) ==
               3) {
      reader.add(address, executions, taken);
    }
  }
  return reader.finish();
}

}  // namespace thimble::deploy
