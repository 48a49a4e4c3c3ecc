#include "pipeline/dry_run.h"

#include <fmt/format.h>

#include "base/error.h"
#include "compress/prune/prune.h"
#include "compress/quantize/post_training.h"
#include "compress/redesign/redesign.h"
#include "deploy/budget.h"
#include "deploy/c_writer.h"
#include "deploy/kernel_counts.h"
#include "deploy/prepare.h"
#include "graph/quantize_from_ranges.h"
#include "train/hints.h"

namespace thimble::pipeline {
namespace {

/// The network as it goes from stage to stage.
class DryRun {
 public:
  DryRun(const Graph& network, const device::DeviceProfile& device, const deploy::Budget& budget)
      : network_(network), device_(device), budget_(budget) {}

  /// The networks that the next stage brings in.
  void set_others(std::vector<Graph> others) { others_ = std::move(others); }

  void operator()(const TrainStage&) {}
  void operator()(const VerifyStage&) {}
  void operator()(const ProfileStage&) {}

  void operator()(const RedesignStage& stage) {
    redesign::RedesignOptions options = stage.options;
    if (!has_exact_shapes_ && options.width != 1) {
      // Whether it changes channels depends on how many there are.
      if (!options.separable && options.depth == 1) return;
      options.width = 1;
    }
    options.distill = false;
    options.recovery.reset();
    network_ = redesign::redesign_without_data(network_, options);
  }

  void operator()(const PruneStage& stage) {
    prune::PruneOptions options = stage.options;
    prune::check(options);
    if (prune::is_mask(options.granularity)) {
      has_exact_shapes_ = false;  // channels that are all zero leave
      return;
    }
    const bool leaves_alike = options.select.ranking == prune::Ranking::kLocal && options.steps == 1 &&
                              options.measure != prune::Measure::kCycles;
    if (!leaves_alike && options.select.layers.empty()) {
      has_exact_shapes_ = false;
      return;
    }
    // Which channels leave changes no shape.
    if (prune::needs_samples(options.criterion)) options.criterion = prune::Criterion::kL2;
    options.measure = options.measure == prune::Measure::kCycles ? prune::Measure::kMacs : options.measure;
    options.distill = false;
    options.recovery.reset();
    network_ = prune::prune_without_data(network_, options);
  }

  void operator()(const DistillStage& stage) {
    const Graph& student = stage.student.empty() ? network_ : others_.back();
    const size_t teachers = others_.size() - (stage.student.empty() ? 0 : 1);
    // One that lies in the run's folder may not be there yet.
    if (teachers == stage.teachers.size()) {
      const Graph& teacher = teachers > 0 ? others_.front() : network_;
      for (const train::LayerHint& hint : stage.options.distillation.hints)
        train::hint_tensors(hint, student, teacher);
    }
    if (!stage.student.empty()) network_ = std::move(others_.back());
  }

  void operator()(const QuantizeStage& stage) {
    const Graph folded = quantize::folded_graph(network_);
    const std::vector<Range> ranges(folded.tensors.size(), Range{0, 1});
    network_ = quantize_from_ranges(folded, ranges, stage.options.post_training.weights);
    if (stage.options.mix) has_exact_shapes_ = false;  // its bits are not
  }

  void operator()(const DeployStage& stage) {
    if (!has_exact_shapes_ || stage.count) return;
    const Graph graph = deploy::prepare(network_);
    const deploy::GeneratedC fastest = deploy::write_c(graph, deploy::schedule_for(graph, device_, {}),
                                                       {.prefix = "", .core = device_.core.value});
    if (deploy::excesses(graph, fastest, budget_).empty()) return;
    // Which kernels can be taken, and their scratch, depends on ranges: portable ones always can.
    deploy::check_fits(graph, deploy::write_c(graph, {.prefix = ""}), budget_);
  }

 private:
  Graph network_;
  const device::DeviceProfile& device_;
  const deploy::Budget& budget_;
  std::vector<Graph> others_;
  bool has_exact_shapes_ = true;
};

/// Of what learns or teaches beside the network: `what` it is, for the message.
void expect_alike(std::string_view what, const Graph& other, const Graph& network) {
  const auto ends = [](const Graph& graph) {
    return fmt::format("{} to {} classes", to_string(graph.tensor(graph.inputs.at(0)).shape),
                       element_count(graph.tensor(graph.outputs.at(0)).shape));
  };
  const std::string name = fmt::format("The {} '{}'", what, other.name);
  if (is_quantized(other))
    throw Error(name, "is quantized", "Give the float32 network that it was made from");
  if (ends(other) == ends(network)) return;
  throw Error(name, fmt::format("goes from {}, the network from {}", ends(other), ends(network)),
              fmt::format("Take a {} for the same data and classes", what));
}

}  // namespace

void expect_possible(const Recipe& recipe, const Graph& network, const device::DeviceProfile& device,
                     const deploy::Budget& budget,
                     const std::function<std::vector<Graph>(const Stage&)>& others_of) {
  DryRun run(network, device, budget);
  for (const Stage& stage : recipe.stages) {
    std::vector<Graph> others = others_of(stage);
    const auto* distill = std::get_if<DistillStage>(&stage);
    const size_t students = distill != nullptr && !distill->student.empty() ? 1 : 0;
    for (size_t i = 0; i < others.size(); ++i)
      expect_alike(i + students < others.size() ? "teacher" : "student", others[i], network);
    run.set_others(std::move(others));
    std::visit(run, stage);
  }
}

}  // namespace thimble::pipeline
