#include "pipeline/dry_run.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "compress/quantize/post_training.h"
#include "graph/quantize_from_ranges.h"
#include "support/expect_error.h"
#include "zoo/zoo.h"

namespace thimble::pipeline {
namespace {

Graph rounded(const std::string& network) {
  const Graph folded = quantize::folded_graph(zoo::build(network, 1));
  return quantize_from_ranges(folded, std::vector<Range>(folded.tensors.size(), Range{0, 1}));
}

/// Throws as a recipe of these stages for the network would, on a device with so much RAM and flash.
void dry_run(const std::string& stages, const std::string& network = "mnist-cnn",
             const deploy::Budget& budget = {"nano33ble", 262144, 1048576}) {
  const Recipe recipe = parse_recipe(
      "name = \"dry\"\nmodel = \"zoo:any\"\ndata = \"mnist\"\ndevice = \"nano33ble\"\n" + stages, "dry.toml");
  expect_possible(recipe, zoo::build(network, 1), device::load_device("nano33ble"), budget,
                  [](const Stage& stage) -> std::vector<Graph> {
                    const auto* distill = std::get_if<DistillStage>(&stage);
                    if (distill != nullptr && distill->student == "zoo:resnet8")
                      return {zoo::build("resnet8", 1)};
                    const std::vector<std::string> teachers = teachers_of(stage);
                    if (!teachers.empty() && teachers[0] == "int8") return {rounded("mnist-cnn")};
                    if (!teachers.empty() && teachers[0] == "t.onnx")
                      throw Error(teachers[0], "is missing", "Name another");
                    if (!teachers.empty()) return {zoo::build(teachers[0], 1)};
                    if (distill == nullptr || distill->student.empty()) return {};
                    return {zoo::build("mnist-cnn,width=0.5", 1)};
                  });
}

const std::string kTraining = "[[stage]]\ndo = \"train\"\n";
const std::string kRounding = "[[stage]]\ndo = \"quantize\"\n";
const std::string kDeploying = "[[stage]]\ndo = \"deploy\"\n";

TEST(DryRun, says_what_cannot_work_before_anything_trains) {
  test::expect_error([] { dry_run(kTraining + kRounding + "layer_bits = {no_such = 4}\n"); }, {"no_such"});
  test::expect_error([] { dry_run(kTraining + "[[stage]]\ndo = \"prune\"\nlayers = {no_such = 0.5}\n"); },
                     {"no_such"});
  test::expect_error(
      [] { dry_run(kTraining + "[[stage]]\ndo = \"redesign\"\nseparable = true\nlayers = [\"no_such\"]\n"); },
      {"no_such"});
  for (const char* stages :
       {"do = \"distill\"\n", "do = \"prune\"\nrecovery = {epochs = 1}\n",
        "do = \"redesign\"\nwidth = 0.5\nrecovery = {epochs = 1}\n",
        "do = \"redesign\"\nwidth = 0.5\n[[stage]]\ndo = \"quantize\"\nmethod = \"qat\"\n"}) {
    test::expect_error(
        [&] { dry_run(kTraining + "[[stage]]\n" + stages + "teachers = [{model = \"t.onnx\"}]\n"); },
        {"t.onnx", "is missing"});
  }
  test::expect_error([] { dry_run("[[stage]]\ndo = \"prune\"\ngranularity = \"weight\"\nmultiple = 4\n"); },
                     {"multiple", "none leaves"});
  test::expect_error(
      [] { dry_run(kTraining + "[[stage]]\ndo = \"prune\"\nkeep = 0.0001\n" + kRounding + kDeploying); },
      {"keep"});
}

TEST(DryRun, knows_whether_a_teacher_is_one_for_the_same_data) {
  const auto taught_by = [](const std::string& teacher) {
    dry_run(kTraining + "[[stage]]\ndo = \"prune\"\nrecovery = {epochs = 1}\nteachers = [{model = \"" +
            teacher + "\"}]\n");
  };
  taught_by("mnist-cnn,width=2");
  test::expect_error([&] { taught_by("resnet8"); }, {"teacher", "32x32x3", "28x28x1"});
  test::expect_error([&] { taught_by("int8"); }, {"teacher", "is quantized"});
  test::expect_error([] { dry_run("[[stage]]\ndo = \"distill\"\nstudent = \"zoo:resnet8\"\n"); },
                     {"student", "32x32x3", "28x28x1"});
}

TEST(DryRun, knows_whether_a_hint_s_layers_are_there_and_compare) {
  const auto hint = [](const std::string& student, const std::string& teacher,
                       const std::string& stages = "") {
    dry_run(kTraining + stages +
            "[[stage]]\ndo = \"distill\"\nstudent = \"zoo:half\"\nhints = [{student = \"" + student +
            "\", teacher = \"" + teacher + "\"}]\n");
  };
  hint("conv_0", "conv_0");
  test::expect_error([&] { hint("no_such", "conv_0"); }, {"student", "no_such"});
  test::expect_error([&] { hint("conv_0", "no_such"); }, {"teacher", "no_such"});
  test::expect_error([&] { hint("conv_0", "conv_3"); }, {"would compare"});
  const std::string separable = "[[stage]]\ndo = \"redesign\"\nseparable = true\nlayers = [\"conv_3\"]\n";
  hint("conv_3", "conv_3_depthwise", separable);
  test::expect_error([&] { hint("conv_3", "conv_3_depthwise"); }, {"teacher", "conv_3_depthwise"});
}

TEST(DryRun, knows_the_ram_and_flash_of_what_will_be_deployed) {
  dry_run(kTraining + kRounding + kDeploying);
  const deploy::Budget small = {"nano33ble", 9000, 1048576};
  const deploy::Budget tiny = {"nano33ble", 2000, 1048576};
  const deploy::Budget little_flash = {"nano33ble", 262144, 20000};
  const std::string half =
      "[[stage]]\ndo = \"prune\"\nkeep = 0.3\ncriterion = \"taylor\"\ndistill = true\nrecovery = {epochs = "
      "3}\n";
  test::expect_error([&] { dry_run(kTraining + kRounding + kDeploying, "mnist-cnn", tiny); }, {"RAM"});
  test::expect_error([&] { dry_run(kTraining + kDeploying, "mnist-cnn", little_flash); }, {"flash"});
  dry_run(kTraining + half + kRounding + kDeploying, "mnist-cnn", small);
  dry_run(kTraining + "[[stage]]\ndo = \"redesign\"\nwidth = 0.25\n" + kRounding + kDeploying, "mnist-cnn",
          small);
  const std::string student = "[[stage]]\ndo = \"distill\"\nstudent = \"zoo:half\"\n";
  dry_run(kTraining + student + kRounding + kDeploying, "mnist-cnn", small);
}

TEST(DryRun, lets_pass_what_it_cannot_know) {
  const deploy::Budget small = {"nano33ble", 9000, 20000};
  for (const char* stage :
       {"do = \"prune\"\nranking = \"global\"\n", "do = \"prune\"\nsteps = 3\n",
        "do = \"prune\"\nof = \"cycles\"\n", "do = \"prune\"\ngranularity = \"kernel\"\n"}) {
    dry_run(kTraining + "[[stage]]\n" + stage + kRounding + kDeploying, "mnist-cnn", small);
  }
  // Whether there are channels that a width of 0.95 changes depends on which have left.
  const std::string narrower = "[[stage]]\ndo = \"redesign\"\nwidth = 0.95\nmultiple = 8\n";
  dry_run("[[stage]]\ndo = \"prune\"\nranking = \"global\"\n" + narrower, "resnet8");
  test::expect_error([&] { dry_run(narrower, "resnet8"); },
                     {"no channels that a width of 0.95 would change"});
}

}  // namespace
}  // namespace thimble::pipeline
