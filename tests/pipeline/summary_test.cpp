#include "pipeline/summary.h"

#include <gtest/gtest.h>

namespace thimble::pipeline {
namespace {

using nlohmann::json;

json done(const char* stage, const char* model, double accuracy) {
  return {{"stage", stage},
          {"results", {{"model", model}, {"test", {{"accuracy", accuracy}, {"samples", 10}}}}}};
}

TEST(Summary, its_columns_say_what_stands_in_them) {
  json run = {{"stages", {done("train", "1-train.onnx", 0.9), done("quantize", "2-quantize.onnx", 0.8)}}};
  EXPECT_EQ(summarize(run).columns, (std::vector<std::string>{"float32", "int8", "float32 : int8"}));
  run = {{"stages",
          {done("train", "1-train.onnx", 0.9), done("prune", "2-prune.onnx", 0.7),
           done("quantize", "3-quantize.onnx", 0.6)}}};
  run["stages"][2]["results"]["weight_types"] = {"int4", "int8"};
  const json costs = {{"cycles", 300}, {"device", "nano33ble"}};
  run["stages"].push_back(
      {{"stage", "profile"}, {"results", {{"float32", costs}, {"deployed", costs}, {"speedup", 2}}}});
  const Summary summary = summarize(run);
  EXPECT_EQ(summary.columns,
            (std::vector<std::string>{"pruned float32", "int4 and int8", "float32 : int4 and int8"}));
  EXPECT_EQ(summary.rows.at(0).cells, (std::vector<std::string>{"70.00 %", "60.00 %", "-10.00 points"}));
  EXPECT_EQ(summary.sentences.at(0).substr(0, 61),
            "int4 and int8 are 2.00 times faster than pruned float32 on na");
}

}  // namespace
}  // namespace thimble::pipeline
