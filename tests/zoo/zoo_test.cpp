#include "zoo/zoo.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/small_zoo.h"

namespace thimble {
namespace {

struct Size {
  size_t parameters;
  uint64_t macs;
};

/// Trainable parameters: all but the running statistics of batch norms.
Size size_of(const std::string& model) {
  const Graph graph = zoo::build(model, 1);
  Size size{parameter_count(graph), mac_count(graph)};
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<BatchNorm>(node.op))
      size.parameters -= 2 * graph.tensor(node.inputs[3]).elements();
  }
  return size;
}

TEST(Zoo, networks_have_the_published_parameters_and_multiply_accumulates) {
  // MLPerf Tiny's reference models: 12.5 and 2.66 million MACs; 24,908 parameters, of which are 576 biases
  // that a batch norm takes out again and 1,152 statistics.
  EXPECT_EQ(size_of("resnet8").macs, 12'501'632U);
  EXPECT_EQ(size_of("ds-cnn").macs, 2'656'768U);
  EXPECT_EQ(size_of("ds-cnn").parameters, 24'908U - 576 - 1'152);
  // LeNet-5 without subsampling's own coefficients: 61,706.
  EXPECT_EQ(size_of("lenet").parameters, 61'706U);
  EXPECT_EQ(size_of("lenet").macs, 416'520U);
  // ResNet-20 with projections, ResNet-18 with ten classes and torchvision's MobileNetV2 with ten.
  EXPECT_EQ(size_of("resnet20").parameters, 272'474U);
  EXPECT_EQ(size_of("resnet18").parameters, 11'173'962U);
  EXPECT_EQ(size_of("mobilenet-v2").parameters, 3'504'872U - 1281 * 1000 + 1281 * 10);
  EXPECT_EQ(size_of("resnet18").macs, 555'422'720U);
}

TEST(Zoo, networks_are_of_the_size_that_they_are_for) {
  EXPECT_LT(size_of("mnist-cnn").parameters, 100'000U);
  EXPECT_NEAR(static_cast<double>(size_of("har-cnn").parameters), 49e3, 500);
  EXPECT_LT(size_of("har-resnet").parameters, 100'000U);
  EXPECT_LT(size_of("har-resnet").macs, 3'000'000U);
  EXPECT_LT(size_of("har-separable").parameters, 100'000U);
  EXPECT_LT(size_of("har-separable").macs, 3'000'000U);
  EXPECT_GT(size_of("resnet9").macs, 60'000'000U);
  EXPECT_LT(size_of("resnet9").macs, 120'000'000U);
}

TEST(Zoo, every_entry_builds_a_valid_classifier_that_depends_on_its_seed_alone) {
  for (const zoo::Entry& entry : zoo::entries()) {
    const Graph graph = zoo::build(entry.name, 7);
    validate(graph);
    EXPECT_EQ(graph.tensor(graph.inputs.at(0)).shape, entry.defaults.input) << entry.name;
    EXPECT_EQ(graph.tensor(graph.outputs.at(0)).shape, (Shape{1, entry.defaults.classes})) << entry.name;
    const auto first_weights = [](const Graph& g) { return *g.tensor(g.nodes[0].inputs[1]).data; };
    EXPECT_EQ(first_weights(graph), first_weights(zoo::build(entry.name, 7))) << entry.name;
    EXPECT_NE(first_weights(graph), first_weights(zoo::build(entry.name, 8))) << entry.name;
  }
}

TEST(Zoo, settings_change_the_input_the_classes_and_the_width) {
  for (const zoo::Entry& entry : zoo::entries()) {
    const Graph graph = zoo::build(entry.name + ",input=40x56x2,classes=3,width=0.25", 1);
    EXPECT_EQ(graph.tensor(graph.inputs[0]).shape, (Shape{1, 40, 56, 2})) << entry.name;
    EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, (Shape{1, 3})) << entry.name;
    EXPECT_LT(size_of(entry.name + ",width=0.25").parameters, size_of(entry.name).parameters) << entry.name;
    const std::string least = std::to_string(entry.least_height) + "x" + std::to_string(entry.least_width);
    EXPECT_NO_THROW(zoo::build(entry.name + ",input=" + least + "x1", 1)) << entry.name;
  }
}

TEST(Zoo, channels_come_in_multiples_of_eight_or_of_four_where_fewer) {
  for (const char* model :
       {"lenet,width=0.5", "resnet8,width=0.3", "ds-cnn,width=0.05", "har-cnn,width=1.3"}) {
    const Graph graph = zoo::build(model, 1);
    for (const Node& node : graph.nodes) {
      if (!std::holds_alternative<Conv2D>(node.op)) continue;
      const int32_t channels = graph.tensor(node.outputs[0]).shape[3];
      EXPECT_EQ(channels % (channels < 8 ? 4 : 8), 0) << model << " " << channels;
    }
  }
}

TEST(Zoo, what_is_wrong_in_a_specification_is_named) {
  const auto refuses = [](const std::string& model, std::initializer_list<std::string> parts) {
    test::expect_error([&] { zoo::build(model, 1); }, parts);
  };
  refuses("nothing", {"zoo:nothing", "mnist-cnn"});
  refuses("", {"is not in the zoo"});
  refuses("resnet8,widht=1", {"unknown setting 'widht'", "width="});
  refuses("resnet8,", {"ends with a comma"});
  refuses("resnet8,width=1,width=2", {"sets width twice"});
  for (const char* width : {"", "0", "-1", "nan", "inf", "1e9", "0.5x", "half"}) {
    refuses(std::string("resnet8,width=") + width, {"for width", "width=0.5"});
  }
  for (const char* classes : {"", "1", "0", "-3", "10.5", "99999999999999999999"}) {
    refuses(std::string("resnet8,classes=") + classes, {"for classes"});
  }
  for (const char* input :
       {"", "32", "32x32", "32x32x3x1", "32x32x3x", "0x32x3", "32x32x", "x32x32x3", "99999x32x3"}) {
    refuses(std::string("resnet8,input=") + input, {"for input", "HxWxC"});
  }
  refuses("lenet,input=8x8x1", {"too small", "12x12"});
}

TEST(Zoo, the_small_models_of_the_tests_leave_out_no_architecture) {
  ASSERT_EQ(zoo::entries().size(), test::kSmallZoo.size());
  for (size_t i = 0; i < test::kSmallZoo.size(); ++i) {
    const std::string model = test::kSmallZoo[i];
    EXPECT_EQ(model.substr(0, model.find(',')), zoo::entries()[i].name);
  }
}

}  // namespace
}  // namespace thimble
