#include "data/validation.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;

/// Samples of two values that tell their index: (i, -i).
Dataset numbered(std::vector<int32_t> labels, std::vector<int32_t> groups, bool image = false) {
  Dataset set;
  set.name = "numbered";
  set.sample_shape = {1, 1, 2};
  set.labels = std::move(labels);
  set.groups = std::move(groups);
  set.class_names.resize(
      set.labels.empty() ? 1
                         : static_cast<size_t>(*std::max_element(set.labels.begin(), set.labels.end())) + 1,
      "c");
  for (size_t i = 0; i < set.size(); ++i) {
    if (image) {
      set.samples.insert(set.samples.end(), {static_cast<uint8_t>(i), static_cast<uint8_t>(255 - i)});
    } else {
      set.values.insert(set.values.end(), {static_cast<float>(i), -static_cast<float>(i)});
    }
  }
  set.normalization = {{1, 2}, {3, 4}};
  return set;
}

TEST(ValidationIndices, take_the_same_share_of_every_class) {
  std::vector<int32_t> labels(100, 0);
  std::fill(labels.begin() + 50, labels.begin() + 80, 1);
  std::fill(labels.begin() + 80, labels.end(), 2);
  const auto indices = validation_indices(numbered(labels, {}), {.fraction = 0.1});
  std::map<int32_t, int> counts;
  for (const size_t index : indices.validation) ++counts[labels[index]];
  EXPECT_EQ(counts, (std::map<int32_t, int>{{0, 5}, {1, 3}, {2, 2}}));
}

TEST(ValidationIndices, never_have_a_group_in_both_parts) {
  std::vector<int32_t> labels;
  std::vector<int32_t> groups;
  for (int32_t i = 0; i < 200; ++i) {
    labels.push_back(i % 3);
    groups.push_back(1 + i / 20);
  }
  std::set<std::vector<size_t>> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto indices = validation_indices(numbered(labels, groups), {.group_fraction = 0.3, .seed = seed});
    EXPECT_EQ(indices.validation.size(), 60u);
    std::set<int32_t> held;
    for (const size_t index : indices.validation) held.insert(groups[index]);
    EXPECT_EQ(held.size(), 3u);
    for (const size_t index : indices.training) EXPECT_FALSE(held.contains(groups[index]));
    seen.insert(indices.validation);
  }
  EXPECT_GT(seen.size(), 10u) << "the seed hardly matters";
}

TEST(ValidationIndices, refuse_what_cannot_be_split) {
  expect_error([] { validation_indices(numbered({0, 1, 0}, {7, 7, 7})); }, "samples of one group alone");
  expect_error([] { validation_indices(numbered({0, 1}, {1, 2})); }, "only in the groups that are drawn");
  expect_error([] { validation_indices(numbered({0, 1}, {})); }, "too few samples");
  expect_error([] { validation_indices(numbered({0, 0}, {}), {.fraction = 1}); }, "is 1.");
}

RC_GTEST_PROP(ValidationIndices, are_all_of_the_set_once_and_the_same_for_the_same_seed, ()) {
  const auto labels = *rc::gen::container<std::vector<int32_t>>(*rc::gen::inRange<size_t>(4, 200),
                                                                rc::gen::inRange<int32_t>(0, 3));
  const Dataset set = numbered(labels, {});
  const ValidationOptions options{.fraction = *rc::gen::inRange(1, 100) / 100.0,
                                  .seed = *rc::gen::arbitrary<uint64_t>()};
  const auto indices = validation_indices(set, options);
  std::vector<size_t> all = indices.training;
  all.insert(all.end(), indices.validation.begin(), indices.validation.end());
  std::sort(all.begin(), all.end());
  std::vector<size_t> expected(set.size());
  std::iota(expected.begin(), expected.end(), size_t{0});
  RC_ASSERT(all == expected);
  RC_ASSERT(validation_indices(set, options).validation == indices.validation);
}

RC_GTEST_PROP(SplitValidation, keeps_every_sample_with_its_label_and_group, ()) {
  const auto size = *rc::gen::inRange<size_t>(20, 200);
  const auto labels = *rc::gen::container<std::vector<int32_t>>(size, rc::gen::inRange<int32_t>(0, 3));
  const bool image = *rc::gen::arbitrary<bool>();
  const Dataset whole = numbered(labels, {}, image);
  const auto indices = validation_indices(whole, {.seed = 5});
  const auto parts = split_validation(whole, {.seed = 5});
  RC_ASSERT(parts.training.split == Split::kTrain);
  RC_ASSERT(parts.validation.split == Split::kValidation);
  const auto check = [&](const Dataset& part, const std::vector<size_t>& wanted) {
    RC_ASSERT(part.size() == wanted.size());
    RC_ASSERT(part.normalization.mean == whole.normalization.mean);
    RC_ASSERT(part.class_names == whole.class_names);
    for (size_t i = 0; i < wanted.size(); ++i) {
      RC_ASSERT(part.labels[i] == whole.labels[wanted[i]]);
      if (image) {
        RC_ASSERT(part.sample(i)[0] == whole.sample(wanted[i])[0]);
        RC_ASSERT(part.sample(i)[1] == whole.sample(wanted[i])[1]);
      } else {
        RC_ASSERT(part.raw_sample(i)[0] == whole.raw_sample(wanted[i])[0]);
        RC_ASSERT(part.raw_sample(i)[1] == whole.raw_sample(wanted[i])[1]);
      }
    }
  };
  check(parts.training, indices.training);
  check(parts.validation, indices.validation);
}

TEST(SplitValidation, keeps_the_groups) {
  const Dataset whole = numbered({0, 0, 0, 0, 0, 0}, {1, 2, 3, 1, 2, 3});
  const auto parts = split_validation(whole, {.group_fraction = 0.34});
  EXPECT_EQ(parts.validation.groups.size(), 2u);
  EXPECT_EQ(parts.validation.groups[0], parts.validation.groups[1]);
  EXPECT_EQ(parts.training.groups.size(), 4u);
}

}  // namespace
}  // namespace thimble::data
