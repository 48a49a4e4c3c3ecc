#include <gtest/gtest.h>

#include "formats/onnx/onnx.h"
#include "formats/quantized_network.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite_models.h"

namespace thimble::onnx {
namespace {

std::vector<std::byte> random_bytes(const Tensor& tensor) {
  Random random(11);
  if (tensor.type == DataType::kInt8) {
    std::vector<int8_t> values(tensor.elements());
    for (int8_t& value : values) value = static_cast<int8_t>(random.between(-128, 127));
    return Tensor::to_bytes(std::span<const int8_t>(values));
  }
  std::vector<float> values(tensor.elements());
  for (float& value : values) value = static_cast<float>(random.uniform());
  return Tensor::to_bytes(std::span<const float>(values));
}

class OnnxReference : public testing::TestWithParam<const char*> {};

TEST_P(OnnxReference, keeps_every_byte_of_a_network_that_came_from_tflite) {
  const std::filesystem::path path = tflite::reference_models() / GetParam();
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no reference model " << path << "; set THIMBLE_REFERENCE";
  const Graph graph = tflite::read_tflite(path);
  const std::string file = to_onnx(graph);
  const Graph again = parse_onnx(std::as_bytes(std::span(file)), "again.onnx");
  const auto input = random_bytes(graph.tensor(graph.inputs.at(0)));
  EXPECT_EQ(output_of(again, input), output_of(graph, input));
  EXPECT_EQ(is_quantized(again), is_quantized(graph));
  EXPECT_EQ(to_onnx(again), file);
}

INSTANTIATE_TEST_SUITE_P(MlperfTiny, OnnxReference,
                         testing::Values("kws_ref_model.tflite", "kws_ref_model_float32.tflite",
                                         "pretrainedResnet.tflite", "pretrainedResnet_quant.tflite"));

}  // namespace
}  // namespace thimble::onnx
