#include "zoo/zoo.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace thimble {
namespace {

TEST(Zoo, resnet8_has_the_multiply_accumulates_of_mlperf_tiny) {
  // 12,501,632 MACs: counted on the MLPerf Tiny reference model.
  EXPECT_EQ(mac_count(zoo::resnet8(1)), 12'501'632U);
}

TEST(Zoo, every_entry_builds_a_valid_classifier_that_depends_on_its_seed_alone) {
  for (const zoo::Entry& entry : zoo::entries()) {
    const Graph graph = zoo::build(entry.name, 7);
    validate(graph);
    EXPECT_EQ(graph.tensor(graph.outputs.at(0)).shape, (Shape{1, 10})) << entry.name;
    const auto first_weights = [](const Graph& g) { return *g.tensor(g.nodes[0].inputs[1]).data; };
    EXPECT_EQ(first_weights(graph), first_weights(zoo::build(entry.name, 7))) << entry.name;
    EXPECT_NE(first_weights(graph), first_weights(zoo::build(entry.name, 8))) << entry.name;
  }
}

TEST(Zoo, unknown_name_lists_the_known_ones) {
  try {
    zoo::build("nothing", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("mnist-cnn"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace thimble
