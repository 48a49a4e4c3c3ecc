#include <gtest/gtest.h>

#include "graph/fold_batch_norm.h"
#include "support/random_network.h"
#include "support/zoo_fixture.h"
#include "zoo/zoo.h"

namespace thimble {
namespace {

Graph build(const std::string& model) { return zoo::build(model, 1); }

TEST(Zoo, portable_kernels_compute_what_pytorch_computes) {
  for (const auto& fixture : test::zoo_fixtures(THIMBLE_SOURCE_DIR "/tests/zoo/pytorch_outputs.txt", build)) {
    test::expect_matches(fixture, test::run_float32(fold_batch_norm(fixture.graph), fixture.input));
  }
}

}  // namespace
}  // namespace thimble
