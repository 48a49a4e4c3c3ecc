#include <gtest/gtest.h>

#include "support/zoo_fixture.h"
#include "train/run_float.h"
#include "zoo/zoo.h"

namespace thimble {
namespace {

Graph build(const std::string& model) { return zoo::build(model, 1); }

TEST(Executor, computes_the_zoo_as_pytorch_does) {
  for (const auto& fixture : test::zoo_fixtures(THIMBLE_SOURCE_DIR "/tests/zoo/pytorch_outputs.txt", build)) {
    const std::span<const float> inputs[] = {fixture.input};
    test::expect_matches(fixture, train::run_float(fixture.graph, inputs, 1, fixture.graph.outputs)[0]);
  }
}

}  // namespace
}  // namespace thimble
