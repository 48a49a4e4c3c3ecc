#include "deploy/check.h"

#include "deploy/c_writer.h"
#include "deploy/kernel_overlap.h"
#include "graph/kernel_call.h"

namespace thimble::deploy {

Check check(const Graph& graph, const device::DeviceProfile& device) {
  Check result;
  result.macs = mac_count(graph);
  for (const Node& node : graph.nodes) {
    ++result.operators[std::string(name_of(node.op))];
    try {
      kernel_call(graph, node);
    } catch (const Error& error) {
      result.problems.push_back({error.where(), error.reason(), error.remedy()});
    }
  }
  std::optional<GeneratedC> program;
  if (result.problems.empty()) {
    try {
      program = write_c(graph, {.prefix = "", .core = device.core.value});
    } catch (const Error& error) {
      result.problems.push_back({error.where(), error.reason(), error.remedy()});
    }
  }
  if (!program) {
    const MemoryPlan plan = plan_memory(graph, portable_memory(graph));
    result.arena_bytes = plan.arena_bytes;
    result.arena_lower_bound_bytes = plan.lower_bound_bytes;
    return result;
  }
  result.arena_bytes = program->arena_bytes;
  result.arena_lower_bound_bytes = program->plan.lower_bound_bytes;
  result.weights_bytes = program->weights_bytes;
  result.excesses = excesses(graph, *program, budget_of(device));
  return result;
}

}  // namespace thimble::deploy
