#include "pipeline/fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "base/toml_table.h"
#include "compress/prune/prune.h"
#include "compress/quantize/post_training.h"
#include "deploy/budget.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "deploy/kernel_counts.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "device/timings.h"
#include "graph/channel_groups.h"

namespace thimble::pipeline {
namespace {

constexpr int kLastStep = 28;      // 1/128 of the multiplications
constexpr int kStepsOf4Bits = 2;   // 4 bits are worth it where they leave 1.4 times as much
constexpr double kMargin = 0.99;   // of a limit: what is trained afterwards costs a little more or less
constexpr int kCleanMultiple = 4;  // what all kernels like
constexpr size_t kManyChannels = 16;

/// The part of the multiplications that is left after so many steps, each of a quarter of an octave.
double keep_after(int step) { return std::round(1000 * std::exp2(-step / 4.0)) / 1000; }

bool is_of_zoo(const std::string& model) { return model.starts_with("zoo:"); }

/// A network that was tried.
struct Tried {
  double part = 1;   ///< of the multiplications
  std::string text;  ///< what it takes, or what it misses
  bool fits = false;
};

/// Networks by how much is left of them and their bits.
class Sizes {
 public:
  Sizes(const FitRequest& request, const Graph& network, const data::Dataset& training,
        const device::DeviceProfile& device, const std::function<void(std::string_view)>& say)
      : network_(network),
        training_(training),
        device_(device),
        say_(say),
        limits_(request.budget),
        trains_first_(is_of_zoo(request.model)) {
    limits_.accuracy.reset();
    const auto least = [](const std::optional<int64_t>& limit, uint64_t most) {
      return std::min(limit.value_or(static_cast<int64_t>(most)), static_cast<int64_t>(most));
    };
    limits_.ram_bytes = least(limits_.ram_bytes, device.ram_bytes.value);
    limits_.flash_bytes = least(limits_.flash_bytes, device.flash_bytes.value);
  }

  int multiple() const { return multiple_; }
  int last() const { return last_; }

  const Tried& at(int step, int bits) {
    const auto [place, is_new] = tried_.try_emplace({step, bits});
    if (is_new) place->second = measure(step, bits);
    return place->second;
  }

  /// The first step that fits, if the last one does.
  std::optional<int> first_that_fits(int bits) {
    if (at(0, bits).fits) return 0;
    find_last();
    if (!at(last_, bits).fits) return std::nullopt;
    int misses = 0;
    int fits = last_;
    while (fits - misses > 1) {
      const int middle = (fits + misses) / 2;
      (at(middle, bits).fits ? fits : misses) = middle;
    }
    return fits;
  }

 private:
  /// How far channels can leave, and in what multiples they stay.
  void find_last() {
    if (has_last_) return;
    has_last_ = true;
    const auto groups = channel_groups(network_);
    if (std::ranges::all_of(groups, [](const ChannelGroup& group) {
          return !group.locked.empty() || group.channels.size() >= kManyChannels;
        }))
      multiple_ = kCleanMultiple;
    while (last_ > 0 && !cut(last_)) --last_;
  }

  /// The network of a step, with the channels of the largest weights; empty where they cannot leave that far.
  std::optional<Graph> cut(int step) const {
    if (step == 0) return network_;
    prune::PruneOptions options;
    options.select.keep = keep_after(step);
    options.select.multiple = multiple_;
    try {
      return prune::prune_without_data(network_, options);
    } catch (const Error& error) {
      if (error.exit_code() != ExitCode::kBudget) throw;
      return std::nullopt;
    }
  }

  Tried measure(int step, int bits) const {
    const Graph left = cut(step).value();
    const Graph rounded =
        quantize::post_training_quantize(left, training_, {.samples = 64, .weights = {.bits = bits}});
    const deploy::GeneratedC program =
        deploy::write_c(rounded, deploy::schedule_for(rounded, device_, {}),
                        {.prefix = "", .core = device_.core.value, .class_names = training_.class_names});
    // Rounding alone changes no cost; what trains on may end a few instructions away.
    const double margin = step == 0 && bits == 8 && !trains_first_ ? 1 : kMargin;
    const auto within = [margin](auto& limit) {
      using Value = std::remove_reference_t<decltype(*limit)>;
      if (limit) limit = static_cast<Value>(static_cast<double>(*limit) * margin);
    };
    deploy::Limits limits = limits_;
    within(limits.ram_bytes);
    within(limits.flash_bytes);
    within(limits.latency_ms);
    within(limits.energy_uj);
    Tried tried;
    tried.part = static_cast<double>(mac_count(left)) / static_cast<double>(mac_count(network_));
    const auto bytes = [](uint64_t count) { return grouped(count) + " B"; };
    const deploy::Budget memories = {.device = device_.name,
                                     .ram_bytes = static_cast<uint64_t>(*limits_.ram_bytes),
                                     .flash_bytes = static_cast<uint64_t>(*limits_.flash_bytes)};
    const auto excesses = deploy::excesses(rounded, program, memories);
    if (!excesses.empty()) {
      tried.text = fmt::format("{} is at least {}, allowed is at most {}", excesses[0].memory,
                               bytes(excesses[0].needed_bytes), bytes(excesses[0].limit_bytes));
    } else {
      judge(tried, limits, rounded, program);
    }
    say_(fmt::format("fit       {} of the multiplications, {} bits: {}{}", percent(tried.part), bits,
                     tried.fits ? "fits, " : "", tried.text));
    return tried;
  }

  /// Counts a program, and says whether it keeps the limits within their margin.
  void judge(Tried& tried, const deploy::Limits& within, const Graph& graph,
             const deploy::GeneratedC& program) const {
    const std::vector<std::byte> sample(graph.tensor(graph.inputs[0]).bytes());
    deploy::Profile profile;
    try {
      profile = deploy::profile(graph, program, device_, sample);
    } catch (const Error& error) {
      tried.text = error.what();  // it does not even link for the emulated board
      return;
    }
    tried.fits = deploy::misses(within, profile, std::nullopt).empty();
    const auto known = [](const std::optional<size_t>& count) {
      return count ? grouped(*count) + " B" : "?";
    };
    tried.text = fmt::format("RAM {}, flash {}{}", known(profile.ram_bytes), known(profile.flash_bytes),
                             profile.latency ? fmt::format(", {:.2f} ms", profile.latency->latency_ms) : "");
    if (tried.fits) return;
    const auto missed = deploy::misses(limits_, profile, std::nullopt);
    if (missed.empty())
      tried.text += fmt::format("; of a limit {} % is kept free for training", 100 - 100 * kMargin);
    for (const deploy::Miss& miss : missed) tried.text += "; " + miss.text;
  }

  const Graph& network_;
  const data::Dataset& training_;
  const device::DeviceProfile& device_;
  const std::function<void(std::string_view)>& say_;
  deploy::Limits limits_;
  int multiple_ = 1;
  bool trains_first_;
  bool has_last_ = false;
  int last_ = kLastStep;  ///< the last step whose network there is
  std::map<std::pair<int, int>, Tried> tried_;
};

/// How a data set is trained on: long enough in steps for a small one, too.
struct Training {
  int epochs = 20;
  std::vector<std::string> options;  ///< the others, each KEY = VALUE

  explicit Training(const data::Dataset& training) {
    constexpr int kBatch = 64;
    constexpr double kFewestSteps = 2000;
    constexpr double kManySteps = 10000;
    const double steps = std::ceil(static_cast<double>(training.size()) / kBatch);
    epochs = std::clamp(static_cast<int>(std::ceil(kFewestSteps / steps)), 20, 200);
    options = {fmt::format("batch_size = {}", kBatch), "schedule = \"one-cycle\"",
               fmt::format("ema = {}", steps * epochs >= kManySteps ? 0.999 : 0.99)};
    const int side = std::min(training.sample_shape[0], training.sample_shape[1]);
    if (training.is_image() && side >= 16) {
      const bool is_gray = training.sample_shape.back() == 1;  // drawn or written, where sides matter
      options.push_back(is_gray ? "augment = {shift = 1}"
                                : fmt::format("augment = {{shift = {}, flip = true}}", side / 8));
    } else if (!training.is_image() && training.sample_shape[1] > 1) {
      options.push_back("augment = {scaling = 0.1, jitter = 0.05}");
    }
  }
};

/// Throws Error for a limit that no network could be shown to keep on the device.
void expect_measurable(const Budget& budget, const device::DeviceProfile& device) {
  const auto refuse = [&](const char* limit, const char* lacks) {
    throw Error(fmt::format("The limit of {}", limit),
                fmt::format("cannot be measured on {}, which lacks {}", device.name, lacks),
                "Leave that limit out, or take another device", ExitCode::kUsage);
  };
  if (!deploy::has_emulator(device)) refuse("RAM and flash", "an emulator of its core");
  const bool is_timed = device::core_timings(device.core.value) != nullptr;
  if (budget.latency_ms && !is_timed) refuse("latency", "published timings of its core");
  if (budget.energy_uj && !(is_timed && device.active_power_mw)) refuse("energy", "a known active power");
}

}  // namespace

std::string recipe_that_fits(const FitRequest& request, const Graph& network, const data::Dataset& training,
                             const device::DeviceProfile& device,
                             const std::function<void(std::string_view)>& say) {
  if (is_quantized(network)) {
    throw Error(request.model, "is quantized already, and what is fitted is a float32 network",
                "Give the float32 network that it was made of");
  }
  deploy::expect_tools(device, false);
  expect_measurable(request.budget, device);
  Sizes sizes(request, network, training, device, say);
  const std::optional<int> in_8_bits = sizes.first_that_fits(8);
  std::optional<int> in_4_bits;
  if (in_8_bits != 0) in_4_bits = sizes.first_that_fits(4);
  if (!in_8_bits && !in_4_bits) {
    const Tried& smallest = sizes.at(sizes.last(), 4);
    throw Error(request.model,
                fmt::format("fits the budget on {} in no form: with {} of its multiplications, in 4 bits, {}",
                            device.name, percent(smallest.part), smallest.text),
                "Relax that limit, or take a smaller network or a larger device", ExitCode::kBudget);
  }
  const bool takes_4_bits = in_4_bits && (!in_8_bits || *in_8_bits - *in_4_bits >= kStepsOf4Bits);
  const int step = takes_4_bits ? *in_4_bits : *in_8_bits;
  const Tried& chosen = sizes.at(step, takes_4_bits ? 4 : 8);

  const Training trains(training);
  const std::string budget = deploy::lines_of(request.budget);
  std::string text = fmt::format("# {}\n# {} of the multiplications in {} bits, before training: {}.\n",
                                 request.command, percent(chosen.part), takes_4_bits ? 4 : 8, chosen.text);
  text += fmt::format("name = {}\nmodel = {}\ndata = {}\ndevice = {}\nseed = {}\n{}",
                      toml_string(std::filesystem::path(request.model).stem().string() + "-" + device.name),
                      toml_string(request.model), toml_string(request.data), toml_string(request.device),
                      request.seed, budget.empty() ? "" : "\n[budget]\n" + budget);
  if (is_of_zoo(request.model)) {
    text += fmt::format("\n[[stage]]\ndo = \"train\"\nepochs = {}\nlearning_rate = 0.1\n{}\n", trains.epochs,
                        fmt::join(trains.options, "\n"));
  }
  if (step > 0) {
    text += fmt::format(
        "\n[[stage]]\ndo = \"prune\"\nkeep = {}\nof = \"macs\"\ncriterion = \"taylor\"\nranking = \"local\"\n"
        "multiple = {}\ndistill = true\nrecovery = {{epochs = {}, learning_rate = 0.1, {}}}\n",
        keep_after(step), sizes.multiple(), trains.epochs, fmt::join(trains.options, ", "));
  }
  text += "\n[[stage]]\ndo = \"quantize\"\n";
  text += takes_4_bits ? fmt::format(
                             "bits = 4\nmethod = \"qat\"\ndistill = true\nepochs = {}\n"
                             "learning_rate = 0.01\n{}\n",
                             std::max(1, trains.epochs / 4), fmt::join(trains.options, "\n"))
                       : "calibration = \"auto\"\n";
  // The float32 form is counted beside it where the whole of it would fit.
  const Graph float32 = deploy::prepare(network);
  const bool is_small =
      deploy::excesses(float32, deploy::write_c(float32, {.prefix = "", .core = device.core.value}),
                       deploy::budget_of(device))
          .empty();
  return text +
         "\n[[stage]]\ndo = \"deploy\"\n\n[[stage]]\ndo = \"verify\"\n\n[[stage]]\ndo = \"profile\"\n" +
         (is_small ? "" : "float32 = false\n");
}

}  // namespace thimble::pipeline
