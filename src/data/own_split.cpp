#include "data/own_split.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "data/parse_number.h"
#include "data/validation.h"

namespace thimble::data {
namespace {

constexpr ValidationOptions kDrawn{.fraction = 0.2, .group_fraction = 0.2, .seed = 1, .purpose = "the test"};

std::vector<size_t> count_classes(const Dataset& set) {
  std::vector<size_t> counts(set.class_names.size());
  for (const int32_t label : set.labels) ++counts.at(static_cast<size_t>(label));
  return counts;
}

void expect_every_class(const TrainAndTest& both, std::string_view where) {
  const std::vector<size_t> train = count_classes(both.train);
  const std::vector<size_t> test = count_classes(both.test);
  if (train.size() < 2) throw Error(where, "has a single class", "Give samples of two classes or more");
  for (size_t c = 0; c < train.size(); ++c) {
    if (train[c] > 0) continue;
    throw Error(where,
                test[c] > 0
                    ? fmt::format("has class \"{}\" only in its test split", both.train.class_names[c])
                    : fmt::format("has no sample of class \"{}\"", both.train.class_names[c]),
                "Give training samples of every class, or leave that class out");
  }
  if (both.test.size() == 0) {
    throw Error(where, "has no sample for the test",
                "Say which samples are for the test, or leave the split out: 20 % are then drawn");
  }
}

/// Groups with samples on both sides: what a network learned by heart would then count as right.
std::string note_on_groups(const TrainAndTest& both) {
  const std::set<int32_t> train(both.train.groups.begin(), both.train.groups.end());
  const std::set<int32_t> test(both.test.groups.begin(), both.test.groups.end());
  const auto shared =
      std::count_if(test.begin(), test.end(), [&](int32_t group) { return train.contains(group); });
  if (shared == 0) return "";
  return fmt::format(
      "{} of {} groups in the test split have training samples too, so its accuracy will be too high for new "
      "ones",
      shared, test.size());
}

}  // namespace

Split parse_split(std::string_view word, std::string_view where) {
  if (word == "train") return Split::kTrain;
  if (word == "test") return Split::kTest;
  throw Error(where, fmt::format("has the split \"{}\", neither \"train\" nor \"test\"", word.substr(0, 40)),
              "Call it one of these; validation data are taken out of the training data by Thimble");
}

TrainAndTest split_own_data(Dataset all, const std::vector<Split>& splits, std::string_view where) {
  all.place = where;
  ValidationIndices indices;
  std::string note;
  if (splits.empty()) {
    indices = validation_indices(all, kDrawn);
    note = all.groups.empty() ? fmt::format(
                                    "it does not say which samples are for the test, so {:.0f} % of every "
                                    "class were drawn (seed {})",
                                    100 * kDrawn.fraction, kDrawn.seed)
                              : fmt::format(
                                    "it does not say which samples are for the test, so {:.0f} % of the "
                                    "groups were drawn (seed {})",
                                    100 * kDrawn.group_fraction, kDrawn.seed);
  } else {
    for (size_t i = 0; i < splits.size(); ++i)
      (splits[i] == Split::kTest ? indices.validation : indices.training).push_back(i);
  }
  auto parts = split_at(std::move(all), indices);
  TrainAndTest both{std::move(parts.training), std::move(parts.validation)};
  both.train.split = Split::kTrain;
  both.test.split = Split::kTest;
  expect_every_class(both, where);
  if (!both.train.values.empty()) both.train.normalization = channel_statistics(both.train);
  both.test.normalization = both.train.normalization;
  if (note.empty()) note = note_on_groups(both);
  both.train.note = note;
  both.test.note = std::move(note);
  return both;
}

std::vector<std::string> sorted_names(std::vector<std::string> names) {
  std::vector<std::pair<int32_t, std::string>> keyed;
  for (std::string& name : names) {
    int32_t number = 0;
    if (!parse_integer(name, number)) {
      std::sort(names.begin(), names.end());
      return names;
    }
    keyed.emplace_back(number, name);
  }
  std::sort(keyed.begin(), keyed.end());
  std::transform(keyed.begin(), keyed.end(), names.begin(), [](const auto& key) { return key.second; });
  return names;
}

}  // namespace thimble::data
