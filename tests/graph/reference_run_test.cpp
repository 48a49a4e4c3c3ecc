#include "graph/reference_run.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "graph/kernel_call.h"
#include "support/expect_error.h"
#include "support/random_network.h"

namespace thimble {
namespace {

TEST(ReferenceRun, computes_every_node_and_keeps_every_activation) {
  GraphBuilder b("small", 1);
  const TensorId x = b.input("x", {1, 2, 2, 1});
  const TensorId pooled = b.max_pool(x, 2, 2);
  const TensorId sum = b.add(pooled, pooled);
  const Graph graph = b.finish({sum});
  ReferenceRun run(graph);
  const std::vector<float> input = {1, -2, 3, 0.5F};
  const std::span<const std::byte> bytes[] = {std::as_bytes(std::span(input))};
  run.run(bytes);
  const auto value = [&](TensorId id) { return *reinterpret_cast<const float*>(run.bytes(id).data()); };
  EXPECT_EQ(value(x), 1);
  EXPECT_EQ(value(pooled), 3);
  EXPECT_EQ(value(sum), 6);
}

TEST(ReferenceRun, a_second_run_forgets_the_first) {
  const Graph graph = test::random_network(Random(7));
  const std::vector<float> first = test::random_input(graph, Random(1));
  const std::vector<float> second = test::random_input(graph, Random(2));
  ReferenceRun run(graph);
  const auto output_of = [&](ReferenceRun& r, const std::vector<float>& input) {
    const std::span<const std::byte> bytes[] = {std::as_bytes(std::span(input))};
    r.run(bytes);
    const auto output = r.bytes(graph.outputs[0]);
    return std::vector<std::byte>(output.begin(), output.end());
  };
  ReferenceRun fresh(graph);
  output_of(run, first);
  EXPECT_EQ(output_of(run, second), output_of(fresh, second));
}

TEST(ReferenceRun, refuses_a_graph_that_is_not_valid) {
  GraphBuilder b("small", 1);
  const TensorId x = b.input("x", {1, 4, 4, 1});
  Graph graph = b.finish({b.max_pool(x, 2, 2)});
  graph.nodes[0].outputs[0] = x;
  EXPECT_THROW(ReferenceRun{graph}, Error);
}

TEST(ReferenceRun, refuses_a_batch_of_several_samples) {
  GraphBuilder b("small", 1);
  const TensorId x = b.input("x", {2, 4, 4, 1});
  const Graph graph = b.finish({b.max_pool(x, 2, 2)});
  test::expect_error([&] { ReferenceRun{graph}; }, "batch");
}

}  // namespace
}  // namespace thimble
