#include <fmt/format.h>

#include "base/error.h"
#include "cli/common.h"
#include "cli/counts.h"
#include "cli/samples.h"
#include "cli/verbs.h"
#include "deploy/c_writer.h"
#include "deploy/kernel_counts.h"
#include "deploy/prepare.h"
#include "deploy/results_json.h"
#include "deploy/verify.h"
#include "device/profile.h"

namespace thimble::cli {

void add_verify(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string device_name;
  static std::string data_name;
  static size_t samples = 10;
  static bool counts = false;
  CLI::App* verb = add_verb(program, "verify", "prove that C and reference give the same bytes",
                            "Compares every layer's output: integer reference, C on this machine, and C on\n"
                            "the emulator of the device's core. Without --data the inputs are random.",
                            "thimble verify int8.onnx --device nano33ble --data mnist --samples 100", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--device", device_name, "a device's name, or the path of a profile")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("--data", data_name, "take test samples of a data set")->option_text("NAME");
  verb->add_option("--samples", samples, "how many samples")
      ->check(CLI::Range(1, 1000000))
      ->option_text("N [10]");
  add_count_option(*verb, counts);
  verb->callback([] {
    const Graph graph = deploy::prepare(load_model(model, common.seed));
    const device::DeviceProfile device = device::load_device(device_name);
    const auto inputs = data_name.empty() ? random_inputs(graph, samples, common.seed)
                                          : dataset_inputs(graph, data_name, samples, common.seed);
    const deploy::GeneratedC generated =
        deploy::write_c(graph, deploy::schedule_for(graph, device, counts_cache(counts)),
                        {.prefix = "", .core = device.core.value});
    const deploy::Verification result = deploy::verify(graph, generated, device, inputs, common.progress());
    print(common, deploy::to_json(result),
          fmt::format(
              "{} samples, {} bytes of layer outputs compared with C on this machine and on the emulated\n"
              "core of {}: {} differ\n",
              result.samples, grouped(result.bytes_compared), device.name, result.mismatches));
    if (result.mismatches > 0) {
      throw Error(model, deploy::describe_mismatch(result),
                  "This is a defect of Thimble or of the compiler: please report it with the model",
                  ExitCode::kVerification);
    }
  });
}

}  // namespace thimble::cli
