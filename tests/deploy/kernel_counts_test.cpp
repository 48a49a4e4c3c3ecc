#include "deploy/kernel_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "deploy/c_writer.h"
#include "deploy/prepare.h"
#include "deploy/verify.h"
#include "graph/builder.h"
#include "graph/quantize_from_ranges.h"
#include "support/expect_error.h"
#include "zoo/zoo.h"

namespace thimble::deploy {
namespace {

Graph integers(const Graph& graph) {
  const Graph network = prepare(graph);
  return quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-4, 4}));
}

bool is_portable(const KernelChoice& choice) {
  return choice.kernel.function.find("generic") != std::string::npos;
}

TEST(ScheduleByCounts, takes_the_kernels_of_the_fewest_counted_cycles) {
  const Graph graph = integers(zoo::build("ds-cnn", 1));
  const Schedule portable = schedule_by_counts(graph, "cortex-m4f", [](const Schedule& s) {
    std::vector<uint64_t> cycles;
    for (const KernelChoice& choice : s.kernels) cycles.push_back(is_portable(choice) ? 10 : 1000);
    return cycles;
  });
  EXPECT_TRUE(std::ranges::all_of(portable.kernels, is_portable));
  size_t runs = 0;
  const Schedule fast = schedule_by_counts(graph, "cortex-m4f", [&](const Schedule& s) {
    ++runs;
    std::vector<uint64_t> cycles;
    for (const KernelChoice& choice : s.kernels) {
      cycles.push_back(is_portable(choice) ? 10'000'000 : 1000 + 2 * static_cast<uint64_t>(choice.cycles));
    }
    return cycles;
  });
  EXPECT_LE(runs, 10U);
  const Schedule estimated = schedule(graph, "cortex-m4f");
  EXPECT_LE(fast.plan.arena_bytes, estimated.plan.arena_bytes * 11 / 10);
  for (size_t n = 0; n < fast.kernels.size(); ++n) {
    EXPECT_EQ(fast.kernels[n].kernel.function, estimated.kernels[n].kernel.function);
    // What is chosen was counted, and what was counted stands by its cycles.
    EXPECT_TRUE(std::ranges::any_of(fast.counted[n], [&](const CountedWay& way) {
      return way.kernel == fast.kernels[n].kernel.function && way.extents == fast.kernels[n].extents;
    }));
    EXPECT_TRUE(std::ranges::is_sorted(fast.counted[n], {}, &CountedWay::cycles));
  }
}

Graph one_convolution() {
  GraphBuilder b("one", 1);
  return integers(b.finish({b.conv2d(b.input("x", {1, 6, 6, 8}), 8, {.bias = true})}));
}

TEST(KernelCounts, are_kept_and_counted_anew_where_a_file_is_damaged) {
  const TemporaryFolder cache;
  const Graph graph = one_convolution();
  const device::DeviceProfile device = device::load_device("nano33ble");
  const Schedule first = schedule_for(graph, device, cache.path());
  ASSERT_GE(first.counted.at(0).size(), 3U) << "tiled, Winograd's and portable";
  EXPECT_FALSE(is_portable(first.kernels[0]));
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(cache.path())) files.push_back(entry.path());
  ASSERT_GE(files.size(), 2U);
  for (const auto& file : files) write_file_atomically(file, std::string_view(R"({"cycles": [77]})"));
  EXPECT_EQ(schedule_for(graph, device, cache.path()).counted[0].front().cycles, 77U);
  for (const char* damaged : {"{\"cycles\": [", R"({"cycles": [1, 2]})"}) {
    for (const auto& file : files) write_file_atomically(file, std::string_view(damaged));
    EXPECT_EQ(schedule_for(graph, device, cache.path()).counted[0].front().cycles,
              first.counted[0].front().cycles)
        << damaged;
  }
  const GeneratedC program = write_c(graph, first, {.prefix = "", .core = device.core.value});
  const std::string& why = program.layers[0].why;
  EXPECT_NE(why.find("cycles counted, thimble_conv2d_"), std::string::npos) << why;
  for (const std::string kernel :
       {"thimble_conv2d_tiled_s8", "thimble_conv2d_winograd_s8", "thimble_conv2d_generic_s8"}) {
    if (kernel == program.layers[0].kernel) continue;
    EXPECT_NE(why.find(", " + kernel + " "), std::string::npos) << why;
  }
  const std::vector<std::vector<std::byte>> samples = {std::vector<std::byte>(6 * 6 * 8, std::byte{5})};
  EXPECT_EQ(verify(graph, program, device, samples).mismatches, 0U);
}

TEST(KernelCounts, need_an_emulator_whose_cycles_are_known) {
  const TemporaryFolder cache;
  device::DeviceProfile device = device::load_device("nano33ble");
  device.core.value = "abacus";
  test::expect_error([&] { schedule_for(one_convolution(), device, cache.path()); },
                     {"nano33ble", "abacus", "--count"});
}

}  // namespace
}  // namespace thimble::deploy
