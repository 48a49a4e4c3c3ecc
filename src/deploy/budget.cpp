#include "deploy/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace thimble::deploy {
namespace {

constexpr uint64_t kFloatToInt8 = 4;

std::string bytes_text(uint64_t bytes) {
  return fmt::format("{} bytes ({:.1f} KB)", bytes, static_cast<double>(bytes) / 1024);
}

}  // namespace

Budget budget_of(const device::DeviceProfile& device) {
  return {
      .device = device.name, .ram_bytes = device.ram_bytes.value, .flash_bytes = device.flash_bytes.value};
}

std::vector<Excess> excesses(const Graph& graph, const GeneratedC& program, const Budget& budget) {
  const bool becomes_smaller = !is_quantized(graph);
  std::vector<Excess> result;
  if (program.arena_bytes > budget.ram_bytes) {
    const auto peak = std::ranges::max_element(program.layers, {}, &GeneratedLayer::arena_bytes);
    const std::string where = peak == program.layers.end()
                                  ? ""
                                  : fmt::format(" ({} are live at '{}')", peak->arena_bytes, peak->name);
    Excess ram{"RAM", program.arena_bytes, budget.ram_bytes, "", ""};
    ram.reason = fmt::format("needs {} of RAM for activations{}, the limit is {}",
                             bytes_text(program.arena_bytes), where, bytes_text(budget.ram_bytes));
    const double fits = static_cast<double>(budget.ram_bytes) / static_cast<double>(program.arena_bytes);
    const double keep = becomes_smaller ? fits * kFloatToInt8 : fits;
    ram.remedy =
        becomes_smaller && program.arena_bytes / kFloatToInt8 <= budget.ram_bytes
            ? "Quantize it to int8: activations then take a quarter, which should fit"
            : fmt::format("{} a smaller input, or {:.0f} % of the channels around that layer, would fit",
                          becomes_smaller ? "Quantize it to int8; besides that," : "Make it smaller:",
                          std::floor(keep * 100));
    result.push_back(std::move(ram));
  }
  if (program.weights_bytes > budget.flash_bytes) {
    const auto largest = std::ranges::max_element(program.layers, {}, &GeneratedLayer::weights_bytes);
    Excess flash{"flash", program.weights_bytes, budget.flash_bytes, "", ""};
    flash.reason = fmt::format("needs {} of flash for weights, the limit is {}",
                               bytes_text(program.weights_bytes), bytes_text(budget.flash_bytes));
    flash.remedy = becomes_smaller && program.weights_bytes / kFloatToInt8 <= budget.flash_bytes
                       ? "Quantize it to int8: weights then take about a quarter, which should fit"
                       : fmt::format("{} it, first of all '{}', which holds {} bytes",
                                     becomes_smaller ? "Quantize to int8 and prune" : "Prune", largest->name,
                                     largest->weights_bytes);
    result.push_back(std::move(flash));
  }
  return result;
}

void check_fits(const Graph& graph, const GeneratedC& program, const Budget& budget) {
  const std::vector<Excess> found = excesses(graph, program, budget);
  if (found.empty()) return;
  std::string remedy = found[0].remedy;
  for (size_t i = 1; i < found.size(); ++i) {
    remedy += fmt::format(". It also {}. {}", found[i].reason, found[i].remedy);
  }
  throw Error(fmt::format("Model '{}' on {}", graph.name, budget.device), found[0].reason, remedy,
              ExitCode::kBudget);
}

}  // namespace thimble::deploy
