#include "pipeline/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <functional>
#include <utility>

#include "base/text.h"

namespace thimble::pipeline {
namespace {

using nlohmann::json;

/// The results of a stage, or an empty object while it is not done.
json results_of(const json& run, std::string_view stage) {
  for (const json& done : run.at("stages")) {
    if (done.value("stage", "") == stage) return done.value("results", json::object());
  }
  return json::object();
}

/// The figure at a path of keys, or null.
json figure(const json& document, const std::vector<const char*>& path) {
  json value = document;
  for (const char* key : path) {
    if (!value.is_object() || !value.contains(key)) return nullptr;
    value = json(value[key]);
  }
  return value;
}

struct Quantity {
  std::string name;
  const char* key;
  std::function<std::string(double)> text;
};

std::string bytes_text(double bytes) { return grouped(static_cast<uint64_t>(bytes)) + " B"; }
std::string ms_text(double ms) { return fmt::format("{:.2f} ms", ms); }
std::string count_text(double count) { return grouped(static_cast<uint64_t>(count)); }

/// What a stage's results were measured on.
const char* samples_of(const json& results) { return results.value("held_out", false) ? "held-out" : "test"; }

void add_accuracy(Summary& summary, const json& train, const json& quantize) {
  const json before = figure(train, {"test", "accuracy"});
  const json after = figure(quantize, {"test", "accuracy"});
  if (!before.is_number() && !after.is_number()) return;
  const json samples = figure(before.is_number() ? train : quantize, {"test", "samples"});
  const auto cell = [](const json& accuracy) {
    return accuracy.is_number() ? percent(accuracy.get<double>()) : std::string("-");
  };
  std::string change = "-";
  if (before.is_number() && after.is_number()) {
    change = fmt::format("{:+.2f} points", 100 * (after.get<double>() - before.get<double>()));
  }
  summary.rows.push_back(
      {fmt::format("accuracy, {} {} samples", samples.is_number() ? grouped(samples.get<uint64_t>()) : "all",
                   samples_of(before.is_number() ? train : quantize)),
       {cell(before), cell(after), change}});
}

/// The types of an integer network's weights: "int4 and int8".
std::string integers_of(const json& quantize) {
  return fmt::format("{}",
                     fmt::join(quantize.value("weight_types", std::vector<std::string>{"int8"}), " and "));
}

void add_costs(Summary& summary, const json& profile, bool quantized) {
  const json deployed = profile.value("deployed", json::object());
  const json before = quantized ? profile.value("float32", json::object()) : deployed;
  const json after = quantized ? deployed : json::object();
  const std::string basis =
      deployed.value("latency_basis", json()).is_string() ? deployed["latency_basis"].get<std::string>() : "";
  const std::vector<Quantity> quantities = {
      {"instructions", "instructions", count_text},
      {"cycles, estimated", "cycles", count_text},
      {basis.empty() ? "latency" : fmt::format("latency ({})", basis), "latency_ms", ms_text},
      {"  at least", "latency_low_ms", ms_text},
      {"  at most", "latency_high_ms", ms_text},
      {"energy", "energy_uj", [](double uj) { return fmt::format("{:.1f} uJ", uj); }},
      {"arena", "arena_bytes", bytes_text},
      {"stack", "stack_bytes", bytes_text},
      {"RAM in all", "ram_bytes", bytes_text},
      {"weights", "weights_bytes", bytes_text},
      {"code", "code_bytes", bytes_text},
      {"flash (code + weights)", "flash_bytes", bytes_text}};
  for (const Quantity& quantity : quantities) {
    const json a = before.value(quantity.key, json());
    const json b = after.value(quantity.key, json());
    if (!a.is_number() && !b.is_number()) continue;
    const auto cell = [&](const json& value) {
      return value.is_number() ? quantity.text(value.get<double>()) : std::string("-");
    };
    std::string ratio = "-";
    if (a.is_number() && b.is_number() && b.get<double>() > 0) {
      ratio = fmt::format("{:.2f} x", a.get<double>() / b.get<double>());
    }
    summary.rows.push_back({quantity.name, {cell(a), cell(b), ratio}});
  }
  const json check = deployed.value("latency_check", json());
  if (check.is_string()) summary.sentences.push_back(check.get<std::string>());
  const json speedup = profile.value("speedup", json());
  if (speedup.is_number()) {
    summary.sentences.push_back(
        fmt::format("{} {} {:.2f} times faster than {} on {}: estimated cycles of counted instructions.",
                    summary.columns[1], summary.columns[1].find(' ') == std::string::npos ? "is" : "are",
                    speedup.get<double>(), summary.columns[0], after.value("device", "the device")));
  }
}

void add_verification(Summary& summary, const json& verify, bool quantized) {
  if (!verify.contains("bytes_compared")) return;
  summary.sentences.push_back(
      fmt::format("Verified: {} bytes of every layer's output for {} {} samples, {} reference = C on this "
                  "machine = C on the emulated {}{}; {} differ.",
                  grouped(verify.value("bytes_compared", uint64_t{0})), verify.value("samples", 0),
                  samples_of(verify), quantized ? "integer" : "float32", verify.value("device", "device"),
                  quantized ? "" : " to 1e-5 of each layer's largest value", verify.value("mismatches", 0)));
}

/// The last float32 network's form and its stage's results: models are named NUMBER-STAGE.onnx.
std::pair<std::string, json> last_float32(const json& run) {
  std::pair<std::string, json> last = {"float32", json::object()};
  int last_number = 0;
  for (const auto& [stage, form] :
       {std::pair("train", "float32"), std::pair("prune", "pruned float32"),
        std::pair("redesign", "redesigned float32"), std::pair("distill", "distilled float32")}) {
    json results = results_of(run, stage);
    const int number = std::atoi(results.value("model", "").c_str());
    if (number <= last_number) continue;
    last_number = number;
    last = {form, std::move(results)};
  }
  return last;
}

}  // namespace

Summary summarize(const nlohmann::json& run) {
  Summary summary;
  const json quantize = results_of(run, "quantize");
  const std::string integers = integers_of(quantize);
  const auto [form, trained] = last_float32(run);
  summary.columns = {form, integers, "float32 : " + integers};
  add_accuracy(summary, trained, quantize);
  add_costs(summary, results_of(run, "profile"), !quantize.empty());
  add_verification(summary, results_of(run, "verify"), !quantize.empty());
  return summary;
}

}  // namespace thimble::pipeline
