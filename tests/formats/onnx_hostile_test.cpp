#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "formats/onnx/onnx.h"
#include "formats/onnx_models.h"
#include "formats/quantized_network.h"
#include "support/expect_error.h"

namespace thimble::onnx {
namespace {

/// Small files with every kind of content: floats, integers, foreign forms.
std::vector<std::string> files() {
  std::vector<std::string> result;
  for (const ForeignCase& form : foreign_cases()) result.push_back(form.model.SerializeAsString());
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Graph graph =
        seed % 2 == 0 ? test::random_network(Random(seed)) : test::random_varied_network(Random(seed));
    result.push_back(to_onnx(graph));
    result.push_back(to_onnx(quantized(graph, Random(seed))));
  }
  for (const char* name :
       {"shuffle_13", "sequence_17", "autoencoder_11", "asymmetric_padding_11", "arithmetic_13"}) {
    const auto content = read_file(std::filesystem::path(THIMBLE_SOURCE_DIR) / "tests/formats/pytorch" /
                                   (std::string(name) + ".onnx"));
    result.emplace_back(reinterpret_cast<const char*>(content.data()), content.size());
  }
  return result;
}

/// Whether the file is read; an Error is a fine answer too, anything else is not.
bool reads(const std::string& file) {
  try {
    validate(parse_onnx(std::as_bytes(std::span(file)), "hostile.onnx"));
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(OnnxHostile, a_file_cut_short_is_an_error) {
  for (const std::string& file : files()) {
    // The operator set stands at the end of a file: no part of it is a model.
    const size_t step = std::max<size_t>(1, file.size() / 300);
    for (size_t length = 0; length + 20 < file.size(); length += step)
      EXPECT_FALSE(reads(file.substr(0, length)));
  }
}

TEST(OnnxHostile, flipped_bits_give_a_graph_or_an_error) {
  Random random(1);
  size_t read = 0;
  size_t tried = 0;
  for (const std::string& file : files()) {
    for (int i = 0; i < 300; ++i) {
      std::string damaged = file;
      const uint32_t flips = 1 + random.below(4);
      for (uint32_t flip = 0; flip < flips; ++flip) {
        damaged[random.below(static_cast<uint32_t>(file.size()))] ^= static_cast<char>(1 << random.below(8));
      }
      read += reads(damaged);
      ++tried;
    }
  }
  EXPECT_GT(read, 0U);
  EXPECT_LT(read, tried);
}

/// Damage that still is a protobuf: a number of the model, an attribute, an extent or a name becomes another.
class Mutation {
 public:
  explicit Mutation(uint64_t seed) : random_(seed) {}

  void mutate(::onnx::ModelProto& model) {
    auto& graph = *model.mutable_graph();
    auto& node = *graph.mutable_node(pick(graph.node_size()));
    switch (random_.below(8)) {
      case 0:
        if (node.attribute_size() > 0) mutate(*node.mutable_attribute(pick(node.attribute_size())));
        break;
      case 1:
        if (node.input_size() > 0) *node.mutable_input(pick(node.input_size())) = any_value(graph);
        break;
      case 2:
        node.set_op_type(graph.node(pick(graph.node_size())).op_type());
        break;
      case 3:
        if (node.input_size() > 0) node.mutable_input()->RemoveLast();
        break;
      case 4:
        if (graph.initializer_size() > 0) {
          auto& tensor = *graph.mutable_initializer(pick(graph.initializer_size()));
          if (tensor.dims_size() > 1)
            std::swap(*tensor.mutable_dims()->Mutable(0), *tensor.mutable_dims()->Mutable(1));
          if (random_.below(3) == 0) tensor.add_dims(1);
          if (random_.below(5) == 0) tensor.set_data_type(static_cast<int32_t>(random_.below(12)));
          if (random_.below(5) == 0) tensor.mutable_dims()->Clear();
        }
        break;
      case 5: {
        auto& shape = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
        if (shape.dim_size() > 0) shape.mutable_dim(pick(shape.dim_size()))->set_dim_value(number());
        break;
      }
      case 6:
        if (graph.initializer_size() > 0) {
          auto& raw = *graph.mutable_initializer(pick(graph.initializer_size()))->mutable_raw_data();
          if (!raw.empty())
            raw[random_.below(static_cast<uint32_t>(raw.size()))] = static_cast<char>(random_.below(256));
        }
        break;
      default:
        *node.add_input() = any_value(graph);
    }
  }

 private:
  int pick(int count) { return static_cast<int>(random_.below(static_cast<uint32_t>(count))); }

  int64_t number() {
    const int64_t odd[] = {
        0, -1, 1, 2, 3, 5, 7, 64, 4096, 1 << 15, 1 << 30, INT32_MAX, int64_t{1} << 40, INT64_MAX, INT64_MIN};
    return odd[random_.below(std::size(odd))];
  }

  std::string any_value(const ::onnx::GraphProto& graph) {
    if (graph.initializer_size() > 0 && random_.below(2) == 0)
      return graph.initializer(pick(graph.initializer_size())).name();
    return graph.node(pick(graph.node_size())).output(0);
  }

  void mutate(::onnx::AttributeProto& attribute) {
    attribute.set_i(number());
    if (attribute.ints_size() > 0) attribute.set_ints(pick(attribute.ints_size()), number());
    if (random_.below(4) == 0) attribute.add_ints(number());
    if (random_.below(4) == 0) attribute.set_f(random_.below(2) == 0 ? 0.0F : 1e38F);
  }

  Random random_;
};

TEST(OnnxHostile, contradictions_inside_a_whole_file_give_a_graph_or_an_error) {
  size_t read = 0;
  size_t tried = 0;
  Mutation mutation(2);
  for (const std::string& file : files()) {
    for (int i = 0; i < 400; ++i) {
      ::onnx::ModelProto model;
      ASSERT_TRUE(model.ParseFromString(file));
      for (int count = 0; count < 1 + i % 3; ++count) mutation.mutate(model);
      read += reads(model.SerializeAsString());
      ++tried;
    }
  }
  EXPECT_GT(read, 0U);
  EXPECT_LT(read, tried);
}

TEST(OnnxHostile, a_small_file_that_asks_for_much_memory_is_refused) {
  auto model = foreign_model("g (float[1,4] x) => (float[1,2] y) { y = MatMul (x, w) }", {});
  auto* tensor = model.mutable_graph()->add_initializer();
  tensor->set_name("w");
  tensor->set_data_type(::onnx::TensorProto::FLOAT);
  tensor->add_dims(1 << 15);
  tensor->add_dims(1 << 15);
  const std::string file = model.SerializeAsString();
  test::expect_error([&] { parse_onnx(std::as_bytes(std::span(file)), "m.onnx"); },
                     {"Constant 'w'", "holds 0 bytes"});
}

/// One network for each operator, float32 and int8, and damaged ones with an error of each kind: where
/// fuzzing begins.
TEST(OnnxCorpus, every_kept_file_gives_an_error_or_a_valid_graph) {
  const auto folder = std::filesystem::path(THIMBLE_SOURCE_DIR) / "tests" / "fuzz" / "onnx_corpus";
  int read = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto content = read_file(entry.path());
    ++(reads({reinterpret_cast<const char*>(content.data()), content.size()}) ? read : refused);
  }
  EXPECT_GT(read, 40);
  EXPECT_GT(refused, 15);
}

TEST(OnnxHostile, a_kilobyte_that_describes_a_huge_network_takes_little_memory_and_time) {
  // Each node's result is the next one's input, and each makes more of it.
  std::string chain = "g (float[1,1,64,64] x) => (float[1,1,64,64] y) {\n";
  std::string value = "x";
  for (int i = 0; i < 8; ++i) {
    chain += "v" + std::to_string(i) + " = Resize <mode = \"nearest\"> (" + value + ", , scales)\n";
    value = "v" + std::to_string(i);
  }
  auto model = foreign_model(chain + "y = Relu (" + value + ") }", {});
  add_floats(model, "scales", {4}, {1, 1, 4096, 4096});
  const std::string file = model.SerializeAsString();
  const std::clock_t start = std::clock();  // processor time: other programs do not count
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  reads(file);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT((after.ru_maxrss - before.ru_maxrss) * 1024, int64_t{64} << 20);
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);
}

TEST(OnnxHostile, text_is_not_a_model) {
  const std::string text = "this is no model at all";
  test::expect_error([&] { parse_onnx(std::as_bytes(std::span(text)), "notes.onnx"); },
                     {"notes.onnx", "not an ONNX model"});
}

}  // namespace
}  // namespace thimble::onnx
