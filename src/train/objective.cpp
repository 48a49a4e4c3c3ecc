#include "train/objective.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "graph/channel_groups.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "train/batches.h"
#include "train/hints.h"
#include "train/teacher_cache.h"
#include "train/tensor_batch.h"

namespace thimble::train {
namespace {

using torch::Tensor;

Tensor index_tensor(const std::vector<int64_t>& values) { return torch::tensor(values, torch::kInt64); }

}  // namespace

void expect_classifier_fits(const Graph& graph, const data::Dataset& dataset) {
  expect_input_fits(graph, dataset);
  const auto classes = static_cast<int32_t>(dataset.class_names.size());
  const Shape& output = graph.tensor(graph.outputs.at(0)).shape;
  if (graph.outputs.size() != 1 || element_count(output) != dataset.class_names.size()) {
    throw Error(graph.name,
                fmt::format("gives {}, {} has {} classes", to_string(output), dataset.name, classes),
                fmt::format("Take a model that was made for {}", dataset.name));
  }
  for (const int32_t label : dataset.labels) {
    if (label >= 0 && label < classes) continue;
    throw Error(dataset.name, fmt::format("has the label {}, but {} classes", label, classes),
                "Check the data set's files");
  }
}

Objective::Objective(const Executor& student, const data::Dataset& dataset, const TrainOptions& options,
                     torch::Device device)
    : student_(student),
      dataset_(dataset),
      options_(options),
      device_(device),
      logits_(logits_of(student.graph())),
      wanted_({logits_.tensor}) {
  for (const Graph& teacher : options.distillation.teachers) {
    try {
      expect_classifier_fits(teacher, dataset);
    } catch (const Error& error) {
      throw Error(fmt::format("The teacher '{}'", error.where()), error.reason(),
                  "Take a teacher for the same data and classes as the student");
    }
    // Nobody trains a teacher, so its batch norms and activations may go into the layers before them. Hints
    // name layers of the first, which then stays as it is.
    const bool is_named = teachers_.empty() && !options.distillation.hints.empty();
    const Graph graph = is_named ? teacher : fuse_activations(fold_batch_norm(teacher));
    teachers_.push_back({Executor(graph, device, options.precision), logits_of(graph)});
  }
  if (!teachers_.empty()) teacher_wanted_ = {teachers_[0].logits.tensor};
  for (const LayerHint& hint : options.distillation.hints) add_hint(hint);
  find_penalties();
}

void Objective::add_hint(const LayerHint& hint) {
  if (teachers_.empty()) {
    throw Error(fmt::format("The hint '{}={}'", hint.student, hint.teacher), "has no teacher to come from",
                "Give a teacher, or no hints");
  }
  const Graph& student = student_.graph();
  const Graph& teacher = teachers_[0].executor.graph();
  const HintTensors tensors = hint_tensors(hint, student, teacher);
  const int64_t channels[] = {student.tensor(tensors.student).shape.back(),
                              teacher.tensor(tensors.teacher).shape.back()};
  hints_.push_back({teacher_wanted_.size(), wanted_.size()});
  wanted_.push_back(tensors.student);
  teacher_wanted_.push_back(tensors.teacher);
  Tensor projection = torch::empty({channels[0], channels[1]});
  Random random = Random(options_.seed).fork(3).fork(projections_.size());
  for (float& value : values_of(projection)) {
    value = static_cast<float>(random.normal() / std::sqrt(static_cast<double>(channels[0])));
  }
  projections_.push_back(projection.to(device_).requires_grad_(true));
}

void Objective::ask_teachers(Workers& workers) {
  if (known_targets_.defined()) return;
  if (teachers_.empty() || !hints_.empty() || options_.augmentation.any()) return;
  const auto size = static_cast<int64_t>(dataset_.size());
  const auto classes = static_cast<int64_t>(dataset_.class_names.size());
  Tensor logits = torch::empty({static_cast<int64_t>(teachers_.size()), size, classes});
  const auto compute = [&] {
    constexpr size_t kBatch = 64;
    std::vector<size_t> all(dataset_.size());
    std::iota(all.begin(), all.end(), size_t{0});
    workers.run((all.size() + kBatch - 1) / kBatch, [&](size_t b) {
      const torch::NoGradGuard no_gradients;
      const auto first = static_cast<int64_t>(b * kBatch);
      const auto chosen = std::span(all).subspan(b * kBatch, std::min(kBatch, all.size() - b * kBatch));
      const Tensor inputs[] = {tensor_batch(dataset_, chosen).to(device_)};
      for (size_t t = 0; t < teachers_.size(); ++t) {
        const TensorId wanted[] = {teachers_[t].logits.tensor};
        logits[static_cast<int64_t>(t)]
            .slice(0, first, first + static_cast<int64_t>(chosen.size()))
            .copy_(teachers_[t].executor.run(inputs, wanted)[0].to(torch::kFloat32).flatten(1) *
                   teachers_[t].logits.scale);
      }
    });
  };
  keep_on_disk(options_.distillation, options_.precision, dataset_, values_of(logits), compute);
  std::vector<Tensor> one_each;
  for (size_t t = 0; t < teachers_.size(); ++t) one_each.push_back(logits[static_cast<int64_t>(t)]);
  known_targets_ = soft_targets(one_each).to(device_);
}

Tensor Objective::soft_targets(std::span<const Tensor> logits) const {
  Tensor sum;
  for (const Tensor& one : logits) {
    const Tensor probabilities = torch::softmax(one / options_.distillation.temperature, 1);
    sum = sum.defined() ? sum + probabilities : probabilities;
  }
  return sum / static_cast<double>(logits.size());
}

Objective::Loss Objective::loss(std::span<const Tensor> values, const Batch& batch) const {
  Tensor logits = values[0].to(torch::kFloat32).flatten(1);
  if (logits_.scale != 1) logits = logits * logits_.scale;
  const auto hard_loss = [&](const Tensor& labels) {
    return at::cross_entropy_loss(logits, labels, {}, at::Reduction::None, -100, options_.label_smoothing);
  };
  Tensor losses = hard_loss(batch.labels);
  if (batch.mix.defined()) losses = at::lerp(hard_loss(batch.labels.roll(1)), losses, batch.mix);
  Tensor sum = losses.sum();

  const Distillation& distillation = options_.distillation;
  if (!teachers_.empty()) {
    Tensor targets;
    std::vector<Tensor> teacher_values;
    {
      const torch::NoGradGuard no_gradients;
      if (known_targets_.defined()) {
        const std::vector<int64_t> rows(batch.indices.begin(), batch.indices.end());
        targets = known_targets_.index_select(0, index_tensor(rows).to(device_));
      } else {
        std::vector<Tensor> said;
        for (size_t t = 0; t < teachers_.size(); ++t) {
          const Teacher& teacher = teachers_[t];
          const std::vector<TensorId> its_logits = {teacher.logits.tensor};
          auto results = teacher.executor.run(batch.inputs, t == 0 ? teacher_wanted_ : its_logits);
          said.push_back(results[0].to(torch::kFloat32).flatten(1) * teacher.logits.scale);
          if (t == 0) teacher_values = std::move(results);
        }
        targets = soft_targets(said);
      }
    }
    const double temperature = distillation.temperature;
    const Tensor soft = at::kl_div(torch::log_softmax(logits / temperature, 1), targets, at::Reduction::Sum);
    sum = sum * (1 - distillation.weight) + soft * (distillation.weight * temperature * temperature);
    for (size_t h = 0; h < hints_.size(); ++h) {
      const Tensor ours = torch::matmul(values[hints_[h].student_value].to(torch::kFloat32), projections_[h]);
      const Tensor theirs = teacher_values[hints_[h].teacher_value].to(torch::kFloat32);
      const auto samples = static_cast<double>(batch.indices.size());
      sum = sum + (ours - theirs).square().mean() * (samples * distillation.hint_weight);
    }
  }
  return {sum, logits.argmax(1).eq(batch.labels).sum().item<int64_t>()};
}

void Objective::find_penalties() {
  if (options_.group_lasso == 0 && options_.norm_slimming == 0) return;
  const Graph& graph = student_.graph();
  std::map<TensorId, size_t> parameter_of;
  for (size_t i = 0; i < student_.parameters().size(); ++i) parameter_of[student_.parameters()[i]] = i;
  std::set<TensorId> gammas;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op)) gammas.insert(node.inputs[1]);
  }
  std::set<size_t> slimmed;
  for (const ChannelGroup& group : channel_groups(graph)) {
    if (!group.locked.empty()) continue;
    std::map<std::pair<size_t, int64_t>, std::pair<std::vector<int64_t>, std::vector<int64_t>>> found;
    double members = 0;
    for (size_t c = 0; c < group.channels.size(); ++c) {
      for (const ChannelSlot& slot : group.channels[c]) {
        const auto parameter = parameter_of.find(slot.tensor);
        if (parameter == parameter_of.end()) continue;
        if (gammas.contains(slot.tensor)) slimmed.insert(parameter->second);
        const Shape& shape = graph.tensor(slot.tensor).shape;
        if (shape.size() < 2) continue;  // biases and batch norms
        auto& [indices, channels] = found[{parameter->second, slot.axis}];
        indices.push_back(slot.index);
        channels.push_back(static_cast<int64_t>(c));
        members += static_cast<double>(element_count(shape)) / shape[static_cast<size_t>(slot.axis)];
      }
    }
    const auto channels = static_cast<int64_t>(group.channels.size());
    Penalty penalty{channels, members / static_cast<double>(channels), {}};
    for (const auto& [place, lists] : found) {
      penalty.parts.push_back({place.first, place.second, index_tensor(lists.first).to(device_),
                               index_tensor(lists.second).to(device_)});
    }
    penalties_.push_back(std::move(penalty));
  }
  gammas_.assign(slimmed.begin(), slimmed.end());
}

double Objective::add_penalties(std::vector<Tensor>& gradients) const {
  if (penalties_.empty()) return 0;
  const torch::AutoGradMode with_gradients(true);
  const auto parameter = [&](size_t i) { return student_.constant(student_.parameters()[i]); };
  Tensor sum = torch::zeros({}, device_);
  if (options_.group_lasso > 0) {
    for (const Penalty& penalty : penalties_) {
      // Not zero, where a square root has no slope.
      Tensor squares = torch::full({penalty.channels}, 1e-12, device_);
      for (const Part& part : penalty.parts) {
        const Tensor rows = parameter(part.parameter).transpose(0, part.axis).flatten(1).square().sum(1);
        squares = squares.index_add(0, part.channels, rows.index_select(0, part.indices));
      }
      sum = sum + squares.sqrt().sum() * (options_.group_lasso * std::sqrt(penalty.members));
    }
  }
  if (options_.norm_slimming > 0) {
    for (const size_t gamma : gammas_) sum = sum + parameter(gamma).abs().sum() * options_.norm_slimming;
  }
  if (!sum.requires_grad()) return 0;
  std::vector<Tensor> parameters;
  for (size_t i = 0; i < student_.parameters().size(); ++i) parameters.push_back(parameter(i));
  const auto slopes = torch::autograd::grad({sum}, parameters, {}, c10::nullopt, /*create_graph=*/false,
                                            /*allow_unused=*/true);
  for (size_t i = 0; i < slopes.size(); ++i) {
    if (slopes[i].defined()) gradients[i] = gradients[i] + slopes[i];
  }
  return sum.item<double>();
}

}  // namespace thimble::train
