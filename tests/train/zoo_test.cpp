#include <gtest/gtest.h>

#include "support/zoo_fixture.h"
#include "train/executor.h"
#include "train/tensor_batch.h"
#include "zoo/zoo.h"

namespace thimble::train {
namespace {

Graph build(const std::string& model) { return zoo::build(model, 1); }

TEST(Executor, computes_the_zoo_as_pytorch_does) {
  const torch::NoGradGuard no_gradients;
  for (const auto& fixture : test::zoo_fixtures(THIMBLE_SOURCE_DIR "/tests/zoo/pytorch_outputs.txt", build)) {
    const Shape& shape = fixture.graph.tensor(fixture.graph.inputs[0]).shape;
    torch::Tensor input = torch::empty(std::vector<int64_t>(shape.begin(), shape.end()));
    std::copy(fixture.input.begin(), fixture.input.end(), values_of(input).begin());
    const torch::Tensor inputs[] = {input};
    torch::Tensor output = Executor(fixture.graph).run(inputs, fixture.graph.outputs)[0].contiguous();
    test::expect_matches(fixture, values_of(output));
  }
}

}  // namespace
}  // namespace thimble::train
