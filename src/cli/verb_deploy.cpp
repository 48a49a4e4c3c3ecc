#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/common.h"
#include "cli/counts.h"
#include "cli/model_budget.h"
#include "cli/samples.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "deploy/budget.h"
#include "deploy/c_writer.h"
#include "deploy/kernel_counts.h"
#include "deploy/package.h"
#include "deploy/prepare.h"
#include "device/profile.h"
#include "formats/tflite/tflite.h"

namespace thimble::cli {
namespace {

/// Ten samples of a data set, or random ones where `data` is empty, and what the reference makes of them.
deploy::SelfTest self_test(const Graph& graph, const std::string& data, uint64_t seed) {
  constexpr size_t kSamples = 10;
  if (data.empty()) {
    return deploy::self_test_of(
        graph, random_inputs(graph, kSamples, seed),
        fmt::format("{} random samples (seed {}; --data takes real ones)", kSamples, seed));
  }
  return deploy::self_test_of(graph, dataset_inputs(graph, data, kSamples, seed),
                              fmt::format("{} samples of the test split of {}", kSamples, data));
}

/// What became of the order of the layers, where there is something to say.
std::string order_text(const deploy::GeneratedC& generated) {
  if (!generated.order_is_exact) {
    return wrapped(
               "The layers run in the model's order: there are too many others to search for the one that "
               "needs the least RAM.") +
           "\n";
  }
  if (std::ranges::is_sorted(generated.order)) return "";
  return wrapped(fmt::format("The layers run in another order than the model's: the arena takes {} B instead "
                             "of {}.",
                             grouped(generated.arena_bytes), grouped(generated.given_arena_bytes))) +
         "\n";
}

/// The ways of a layer that were counted, the fastest first.
nlohmann::json counted_json(const deploy::GeneratedLayer& layer) {
  nlohmann::json ways = nlohmann::json::array();
  for (const deploy::CountedWay& way : layer.counted) {
    ways.push_back({{"kernel", way.kernel}, {"extents", way.extents}, {"cycles", way.cycles}});
  }
  return ways;
}

}  // namespace

void add_deploy(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string device_name;
  static std::string folder;
  static std::string package = "c";
  static std::string name;
  static std::string data_name;
  static std::vector<std::string> limits;
  static bool counts = false;
  CLI::App* verb =
      add_verb(program, "deploy", "write a model as C for a device",
               "c and cmake: plain C with CMake, cmake with a benchmark for a Raspberry Pi;\n"
               "arduino: a library with a sketch; esp-idf: a component with an example; tflite:\n"
               "the model for TensorFlow Lite Micro with its operators. Each with a self-test of\n"
               "10 samples.",
               "thimble deploy int8.onnx --device nano33ble --package arduino -o mnist", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--device", device_name, "a device's name, or the path of a profile")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("-o,--output", folder, "folder of the C files")
      ->required()
      ->option_text("PATH (required)");
  verb->add_option("--package", package, "what to write")
      ->check(CLI::IsMember(
          std::vector<std::string>(deploy::package_names().begin(), deploy::package_names().end())))
      ->option_text("c|tflite|arduino|esp-idf|cmake [c]");
  verb->add_option("--name", name, "begins every name of the C [the model's]")->option_text("NAME");
  verb->add_option("--data", data_name, "samples of the self-test; without it they are random")
      ->option_text("NAME");
  add_count_option(*verb, counts);
  add_budget_option(*verb, limits);
  verb->callback([] {
    const ModelBudget model_budget(limits, device_name);
    if (model_budget.asks_for_accuracy()) {
      throw Error("--budget accuracy", "is nothing that deploy measures",
                  "Give it to the verb that makes the model", ExitCode::kUsage);
    }
    const Graph graph = deploy::prepare(load_model(model, common.seed));
    const device::DeviceProfile device = device::load_device(device_name);
    const deploy::Budget budget = deploy::budget_of(device);
    const deploy::GeneratedC generated =
        deploy::write_c(graph, deploy::schedule_for(graph, device, counts_cache(counts)),
                        {.prefix = name, .core = device.core.value, .budget = budget});
    deploy::check_fits(graph, generated, budget);
    model_budget.check(graph, model, common.seed, std::nullopt, "Nothing was written", &generated);
    deploy::PackageOptions options{.kind = *deploy::package_named(package)};
    options.self_test = self_test(graph, data_name, common.seed);
    if (options.kind == deploy::PackageKind::kTflite) {
      options.tflite.content = tflite::to_tflite(graph);
      options.tflite.operators = tflite::builtin_operators(options.tflite.content);
    }
    deploy::write_package(generated, folder, options);

    nlohmann::json document = {{"device", device.name},
                               {"folder", folder},
                               {"arena_bytes", generated.arena_bytes},
                               {"arena_lower_bound_bytes", generated.plan.lower_bound_bytes},
                               {"given_order_arena_bytes", generated.given_arena_bytes},
                               {"order_is_exact", generated.order_is_exact},
                               {"weights_bytes", generated.weights_bytes},
                               {"package", package},
                               {"self_test", options.self_test.origin},
                               {"layers", nlohmann::json::array()},
                               {"files", nlohmann::json::array()}};
    Table table({"layer", "operator", "kernel", "scratch", "weights", "why"});
    for (const deploy::GeneratedLayer& layer : generated.layers) {
      document["layers"].push_back({{"name", layer.name},
                                    {"op", layer.op},
                                    {"kernel", layer.kernel},
                                    {"why", layer.why},
                                    {"scratch_bytes", layer.scratch_bytes}});
      if (counts) document["layers"].back()["counted"] = counted_json(layer);
      table.add({layer.name, layer.op, layer.kernel.empty() ? "(none needed)" : layer.kernel,
                 grouped(layer.scratch_bytes), grouped(layer.weights_bytes), layer.why});
    }
    const std::vector<deploy::GeneratedFile> files = deploy::package_files(generated, options);
    for (const deploy::GeneratedFile& file : files) document["files"].push_back(file.name);
    print(common, document,
          fmt::format("{}\n{}{}: {} files; arena {} B (lower bound {} B), weights {} B; self-test: {}\n",
                      table.text(), order_text(generated), folder, files.size(),
                      grouped(generated.arena_bytes), grouped(generated.plan.lower_bound_bytes),
                      grouped(generated.weights_bytes), options.self_test.origin));
  });
}

}  // namespace thimble::cli
