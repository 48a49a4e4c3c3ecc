#include "data/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"

namespace thimble::data {
namespace {

size_t share_of(size_t count, double fraction) {
  const auto share = static_cast<size_t>(std::lround(static_cast<double>(count) * fraction));
  return std::clamp<size_t>(share, 1, count - 1);
}

/// The samples of each key, keys in ascending order.
std::map<int32_t, std::vector<size_t>> members_by(const std::vector<int32_t>& keys) {
  std::map<int32_t, std::vector<size_t>> members;
  for (size_t i = 0; i < keys.size(); ++i) members[keys[i]].push_back(i);
  return members;
}

/// Marks whole groups.
std::vector<bool> mark_groups(const Dataset& set, const ValidationOptions& options) {
  const auto members = members_by(set.groups);
  if (members.size() < 2) {
    throw Error(
        set.name,
        fmt::format("has samples of one group alone, so there is none to keep for {}", options.purpose),
        "Give samples of more groups, or leave the groups out");
  }
  std::vector<int32_t> groups;
  for (const auto& [group, samples] : members) groups.push_back(group);
  Random(options.seed).shuffle(std::span(groups));
  groups.resize(share_of(groups.size(), options.group_fraction));
  std::vector<bool> marked(set.size());
  for (const int32_t group : groups) {
    for (const size_t index : members.at(group)) marked[index] = true;
  }
  return marked;
}

/// Marks a share of every class.
std::vector<bool> mark_by_class(const Dataset& set, const ValidationOptions& options) {
  std::vector<bool> marked(set.size());
  for (auto& [label, samples] : members_by(set.labels)) {
    if (samples.size() < 2) continue;
    std::vector<size_t> shuffled = samples;
    // A stream of its own for each class: the draw from one does not depend on the sizes of the others.
    Random(options.seed).fork(static_cast<uint64_t>(label)).shuffle(std::span(shuffled));
    shuffled.resize(share_of(shuffled.size(), options.fraction));
    for (const size_t index : shuffled) marked[index] = true;
  }
  return marked;
}

/// Moves the samples at `kept` (ascending) to the front and cuts the rest off.
template <typename T>
void keep(std::vector<T>& storage, const std::vector<size_t>& kept, size_t elements) {
  if (storage.empty()) return;
  auto to = storage.begin();
  for (const size_t index : kept) {
    const auto from = storage.begin() + static_cast<std::ptrdiff_t>(index * elements);
    to = from == to ? to + static_cast<std::ptrdiff_t>(elements)
                    : std::move(from, from + static_cast<std::ptrdiff_t>(elements), to);
  }
  storage.erase(to, storage.end());
}

template <typename T>
std::vector<T> copy_of(const std::vector<T>& storage, const std::vector<size_t>& indices, size_t elements) {
  std::vector<T> copy;
  if (storage.empty()) return copy;
  copy.reserve(indices.size() * elements);
  for (const size_t index : indices) {
    const auto from = storage.begin() + static_cast<std::ptrdiff_t>(index * elements);
    copy.insert(copy.end(), from, from + static_cast<std::ptrdiff_t>(elements));
  }
  return copy;
}

}  // namespace

ValidationIndices validation_indices(const Dataset& training, const ValidationOptions& options) {
  for (const double fraction : {options.fraction, options.group_fraction}) {
    if (fraction > 0 && fraction < 1) continue;
    throw Error("validation fraction", fmt::format("is {}", fraction),
                "Take a number between 0 and 1, such as 0.1");
  }
  const std::vector<bool> marked =
      training.groups.empty() ? mark_by_class(training, options) : mark_groups(training, options);
  ValidationIndices indices;
  std::vector<bool> trained(training.class_names.size());
  for (size_t i = 0; i < training.size(); ++i) {
    (marked[i] ? indices.validation : indices.training).push_back(i);
    if (!marked[i]) trained.at(static_cast<size_t>(training.labels[i])) = true;
  }
  for (const size_t index : indices.validation) {
    const auto label = static_cast<size_t>(training.labels[index]);
    if (trained[label]) continue;
    throw Error(training.name,
                fmt::format("has class {} only in the groups that are drawn for {}",
                            training.class_names[label], options.purpose),
                "Give samples of that class from more groups, or take another seed or fraction");
  }
  if (indices.validation.empty()) {
    throw Error(training.name, fmt::format("has too few samples to keep some for {}", options.purpose),
                "Give more samples");
  }
  return indices;
}

Dataset take_samples(const Dataset& dataset, const std::vector<size_t>& indices, Split split) {
  const size_t elements = dataset.sample_elements();
  return {.name = dataset.name,
          .split = split,
          .sample_shape = dataset.sample_shape,
          .class_names = dataset.class_names,
          .channel_names = dataset.channel_names,
          .samples = copy_of(dataset.samples, indices, elements),
          .values = copy_of(dataset.values, indices, elements),
          .normalization = dataset.normalization,
          .labels = copy_of(dataset.labels, indices, 1),
          .groups = copy_of(dataset.groups, indices, 1),
          .place = dataset.place,
          .note = dataset.note,
          .sha256 = dataset.sha256};
}

TrainingAndValidation split_validation(Dataset training, const ValidationOptions& options) {
  const ValidationIndices indices = validation_indices(training, options);
  return split_at(std::move(training), indices);
}

TrainingAndValidation split_at(Dataset set, const ValidationIndices& indices) {
  TrainingAndValidation parts;
  parts.validation = take_samples(set, indices.validation, Split::kValidation);
  const size_t elements = set.sample_elements();
  keep(set.samples, indices.training, elements);
  keep(set.values, indices.training, elements);
  keep(set.labels, indices.training, 1);
  keep(set.groups, indices.training, 1);
  parts.training = std::move(set);
  return parts;
}

}  // namespace thimble::data
