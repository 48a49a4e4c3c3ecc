#include "formats/onnx_models.h"

#include <onnx/defs/parser.h>

#include <sstream>
#include <stdexcept>

#include "base/random.h"

namespace thimble::onnx {
namespace {

::onnx::TensorProto* add_tensor(::onnx::ModelProto& model, const std::string& name,
                                ::onnx::TensorProto::DataType type, const std::vector<int64_t>& shape) {
  auto* tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (const int64_t extent : shape) tensor->add_dims(extent);
  return tensor;
}

/// Conv, Relu and a dense layer with uint8 activations, as onnxruntime's static quantizer writes them.
::onnx::ModelProto unsigned_qdq() {
  auto model = foreign_model(R"(
      g (float[N,2,5,5] x) => (float[N,3] y) {
        xq = QuantizeLinear (x, xs, xz)
        xr = DequantizeLinear (xq, xs, xz)
        wr = DequantizeLinear <axis = 0> (w, ws, wz)
        br = DequantizeLinear <axis = 0> (b, bs)
        c = Conv <kernel_shape = [3,3]> (xr, wr, br)
        r = Relu (c)
        rq = QuantizeLinear (r, rs, rz)
        rr = DequantizeLinear (rq, rs, rz)
        f = Flatten (rr)
        fq = QuantizeLinear (f, rs, rz)
        fr = DequantizeLinear (fq, rs, rz)
        vr = DequantizeLinear (v, vs, vz)
        m = MatMul (fr, vr)
        mq = QuantizeLinear (m, ms, mz)
        y = DequantizeLinear (mq, ms, mz)
      })",
                             {});
  Random random(7);
  const auto integers = [&](size_t count, int32_t low, int32_t high) {
    std::vector<int32_t> values(count);
    for (int32_t& value : values) value = random.between(low, high);
    return values;
  };
  using ::onnx::TensorProto;
  add_floats(model, "xs", {}, {0.0078125F});
  add_quantized(model, "xz", TensorProto::UINT8, {}, {128});
  add_quantized(model, "w", TensorProto::INT8, {4, 2, 3, 3}, integers(72, -127, 127));
  add_floats(model, "ws", {4}, {0.003F, 0.0025F, 0.004F, 0.002F});
  add_quantized(model, "wz", TensorProto::INT8, {4}, {0, 0, 0, 0});
  add_quantized(model, "b", TensorProto::INT32, {4}, integers(4, -4000, 4000));
  add_floats(model, "bs", {4},
             {0.0078125F * 0.003F, 0.0078125F * 0.0025F, 0.0078125F * 0.004F, 0.0078125F * 0.002F});
  add_floats(model, "rs", {}, {0.006F});
  add_quantized(model, "rz", TensorProto::UINT8, {}, {0});
  add_quantized(model, "v", TensorProto::UINT8, {36, 3}, integers(108, 1, 255));
  add_floats(model, "vs", {}, {0.004F});
  add_quantized(model, "vz", TensorProto::UINT8, {}, {128});
  add_floats(model, "ms", {}, {0.01F});
  add_quantized(model, "mz", TensorProto::UINT8, {}, {120});
  return model;
}

}  // namespace

::onnx::ModelProto foreign_model(const std::string& text, const std::vector<std::string>& weights,
                                 int opset) {
  ::onnx::ModelProto model;
  const std::string whole = "<ir_version: 7, opset_import: [\"\" : " + std::to_string(opset) + "]>\n" + text;
  const auto status = ::onnx::OnnxParser::Parse(model, whole.c_str());
  if (!status.IsOK()) throw std::runtime_error(status.ErrorMessage());
  Random random(42);
  for (const std::string& weight : weights) {
    std::istringstream words(weight);
    std::string name;
    words >> name;
    std::vector<int64_t> shape;
    size_t elements = 1;
    for (int64_t extent = 0; words >> extent;) {
      shape.push_back(extent);
      elements *= static_cast<size_t>(extent);
    }
    // Variances must be positive.
    const double offset = name.starts_with("variance") ? 0.5 : -0.5;
    std::vector<float> values(elements);
    for (float& value : values) value = static_cast<float>(random.uniform() + offset);
    add_floats(model, name, shape, values);
  }
  return model;
}

void add_floats(::onnx::ModelProto& model, const std::string& name, const std::vector<int64_t>& shape,
                const std::vector<float>& values) {
  auto* tensor = add_tensor(model, name, ::onnx::TensorProto::FLOAT, shape);
  for (const float value : values) tensor->add_float_data(value);
}

void add_integers(::onnx::ModelProto& model, const std::string& name, const std::vector<int64_t>& values) {
  auto* tensor = add_tensor(model, name, ::onnx::TensorProto::INT64, {static_cast<int64_t>(values.size())});
  for (const int64_t value : values) tensor->add_int64_data(value);
}

void add_quantized(::onnx::ModelProto& model, const std::string& name, ::onnx::TensorProto::DataType type,
                   const std::vector<int64_t>& shape, const std::vector<int32_t>& values) {
  auto* tensor = add_tensor(model, name, type, shape);
  for (const int32_t value : values) tensor->add_int32_data(value);
}

std::vector<ForeignCase> foreign_cases() {
  std::vector<ForeignCase> cases;
  const auto add = [&](const char* name, ::onnx::ModelProto model, const char* operators) {
    cases.push_back({name, std::move(model), operators});
  };

  add("pytorch_cnn",
      foreign_model(R"(
      g (float[N,3,9,8] x) => (float[N,5] y) {
        c = Conv <kernel_shape = [3,3], pads = [1,1,1,1], strides = [2,1]> (x, w, b)
        n = BatchNormalization <epsilon = 0.001> (c, gamma, beta, mean, variance)
        r = Relu (n)
        p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r)
        f = Flatten (p)
        y = Gemm <transB = 1> (f, v, a)
      })",
                    {"w 4 3 3 3", "b 4", "gamma 4", "beta 4", "mean 4", "variance 4", "v 5 32", "a 5"}),
      "Conv2D BatchNorm Relu MaxPool2D Reshape FullyConnected");

  auto view = foreign_model(R"(
      g (float[N,3,4,5] x) => (float[N,2] y) {
        c = Conv <kernel_shape = [1,1]> (x, w)
        s = Shape (c)
        zero = Constant <value = int64 {0}> ()
        n = Gather <axis = 0> (s, zero)
        axes = Constant <value = int64[1] {0}> ()
        u = Unsqueeze (n, axes)
        rest = Constant <value = int64[1] {-1}> ()
        shape = Concat <axis = 0> (u, rest)
        f = Reshape (c, shape)
        y = Gemm <alpha = 0.5, beta = 2.0> (f, v, a)
      })",
                            {"w 2 3 1 1", "v 40 2", "a 1 2"});
  add("pytorch_view", view, "Conv2D Reshape FullyConnected");

  auto keras = foreign_model(R"(
      g (float[N,6,7,3] x) => (float[N,3,4,4] y) {
        t = Transpose <perm = [0,3,1,2]> (x)
        c = Conv <auto_pad = "SAME_UPPER", kernel_shape = [3,3], strides = [2,2]> (t, w, b)
        r = Clip (c, low, high)
        d = Conv <auto_pad = "SAME_LOWER", kernel_shape = [2,2], group = 4> (r, k)
        y = Transpose <perm = [0,2,3,1]> (d)
      })",
                             {"w 4 3 3 3", "b 4", "k 4 1 2 2"});
  add_floats(keras, "low", {}, {0});
  add_floats(keras, "high", {}, {6});
  add("keras_transposes", keras, "Conv2D Relu6 DepthwiseConv2D");

  auto keras_dense = foreign_model(R"(
      g (float[N,4,4,2] x) => (float[N,3] y) {
        t = Transpose <perm = [0,3,1,2]> (x)
        c = Conv <kernel_shape = [3,3]> (t, w)
        u = Transpose <perm = [0,2,3,1]> (c)
        f = Reshape (u, shape)
        m = MatMul (f, v)
        z = Add (m, a)
        y = Softmax <axis = 1> (z)
      })",
                                   {"w 5 2 3 3", "v 20 3", "a 3"});
  add_integers(keras_dense, "shape", {-1, 20});
  add("keras_dense", keras_dense, "Conv2D Reshape FullyConnected Softmax");

  add("one_dimension",
      foreign_model(R"(
      g (float[N,3,20] x) => (float[N,4] y) {
        c = Conv <kernel_shape = [5], pads = [2,2], strides = [2]> (x, w, b)
        n = BatchNormalization (c, gamma, beta, mean, variance)
        p = MaxPool <kernel_shape = [2], strides = [2]> (n)
        f = Flatten (p)
        y = Gemm <transB = 1> (f, v)
      })",
                    {"w 6 3 5", "b 6", "gamma 6", "beta 6", "mean 6", "variance 6", "v 4 30"}),
      "Conv2D BatchNorm MaxPool2D Reshape FullyConnected");

  add("one_dimension_mean",
      foreign_model(R"(
      g (float[N,3,20] x) => (float[N,4] y) {
        c = Conv <kernel_shape = [3], dilations = [2]> (x, w)
        m = ReduceMean <axes = [2], keepdims = 0> (c)
        y = Gemm <transB = 1> (m, v)
      })",
                    {"w 6 3 3", "v 4 6"}),
      "Conv2D Mean FullyConnected");

  add("residual_and_concat",
      foreign_model(R"(
      g (float[N,4,6,6] x) => (float[N,12,6,6] y) {
        c = Conv <kernel_shape = [3,3], pads = [1,1,1,1], group = 2> (x, w)
        s = Add (c, x)
        d = Conv <kernel_shape = [3,3], pads = [2,2,2,2], dilations = [2,2], group = 4> (s, k, b)
        y = Concat <axis = 1> (s, d)
      })",
                    {"w 4 2 3 3", "k 8 1 3 3", "b 8"}),
      "Conv2D Add DepthwiseConv2D Concat");

  add("squeeze_and_excite",
      foreign_model(R"(
      g (float[N,4,5,6] x) => (float[N,4,5,6] y) {
        p = GlobalAveragePool (x)
        c = Conv <kernel_shape = [1,1]> (p, w, b)
        m = Mul (x, c)
        s = Mul (m, factor)
        y = Add (offset, s)
      })",
                    {"w 4 4 1 1", "b 4", "factor 4 1 1", "offset 1 4 5 6"}),
      "Mean Conv2D Mul Mul Add");

  add("pools",
      foreign_model(R"(
      g (float[N,2,7,8] x) => (float[N,2,2,2] y) {
        a = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1], count_include_pad = 1> (x)
        b = AveragePool <kernel_shape = [2,2], pads = [0,0,1,1]> (a)
        y = MaxPool <kernel_shape = [3,3], strides = [4,4], ceil_mode = 1> (b)
      })",
                    {}),
      "Pad AveragePool2D AveragePool2D MaxPool2D");

  auto pooled = foreign_model(R"(
      g (float[N,3,5,5] x) => (float[N,2] y) {
        p = Pad (x, pads)
        c = Conv <kernel_shape = [3,3]> (p, w)
        q = ReduceMean <axes = [-1, -2], keepdims = 1> (c)
        s = Squeeze (q, axes)
        d = Dropout (s)
        y = Gemm <transB = 1> (d, v)
      })",
                              {"w 4 3 3 3", "v 2 4"});
  add_integers(pooled, "pads", {0, 0, 1, 0, 0, 0, 0, 2});
  add_integers(pooled, "axes", {2, 3});
  add("pad_and_pool", pooled, "Pad Conv2D Mean Reshape FullyConnected");

  add("operator_set_9",
      foreign_model(R"(
      g (float[1,3,6,6] x) => (float[1,4] y) {
        p = Pad <pads = [0,0,1,1,0,0,1,1], mode = "constant"> (x)
        c = Conv <kernel_shape = [3,3]> (p, w)
        r = Clip <min = 0.0, max = 6.0> (c)
        a = GlobalAveragePool (r)
        s = Squeeze <axes = [2,3]> (a)
        d = Gemm <transB = 1> (s, v, b)
        y = Softmax (d)
      })",
                    {"w 5 3 3 3", "v 4 5", "b 4"}, 9),
      "Pad Conv2D Relu6 Mean Reshape FullyConnected Softmax");

  add("dense_only",
      foreign_model(R"(
      g (float[N,6] x) => (float[N,3] y) {
        h = MatMul (x, u)
        i = Add (a, h)
        r = Relu (i)
        j = MatMul (r, v)
        y = Softmax (j)
      })",
                    {"u 6 8", "a 8", "v 8 3"}),
      "FullyConnected Relu FullyConnected Softmax");

  add("unsigned_qdq", unsigned_qdq(), "Quantize Conv2D Reshape FullyConnected Dequantize");
  return cases;
}

}  // namespace thimble::onnx
