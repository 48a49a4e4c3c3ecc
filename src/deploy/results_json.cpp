#include "deploy/results_json.h"

namespace thimble::deploy {
namespace {

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

nlohmann::json to_json(const Verification& verification) {
  nlohmann::json document = {{"device", verification.device},
                             {"samples", verification.samples},
                             {"bytes_compared", verification.bytes_compared},
                             {"mismatches", verification.mismatches}};
  if (verification.first) {
    const Mismatch& m = *verification.first;
    document["first"] = {{"sample", m.sample},     {"layer", m.layer}, {"element", m.element},
                         {"expected", m.expected}, {"got", m.got},     {"side", m.side}};
  }
  return document;
}

nlohmann::json to_json(const Profile& profile) {
  nlohmann::json layers = nlohmann::json::array();
  for (const LayerProfile& layer : profile.layers) {
    layers.push_back({{"name", layer.name},
                      {"op", layer.op},
                      {"kernel", layer.kernel},
                      {"macs", layer.macs},
                      {"instructions", or_null(layer.instructions)},
                      {"cycles", or_null(layer.cycles)},
                      {"arena_bytes", layer.arena_bytes},
                      {"weights_bytes", layer.weights_bytes}});
  }
  nlohmann::json document = {{"device", profile.device},
                             {"macs", profile.macs},
                             {"instructions", or_null(profile.instructions)},
                             {"cycles", or_null(profile.cycles)},
                             {"latency_ms", nullptr},
                             {"latency_basis", nullptr},
                             {"energy_uj", nullptr},
                             {"arena_bytes", profile.arena_bytes},
                             {"stack_bytes", or_null(profile.stack_bytes)},
                             {"stack_bound_bytes", or_null(profile.stack_bound_bytes)},
                             {"ram_bytes", or_null(profile.ram_bytes)},
                             {"weights_bytes", profile.weights_bytes},
                             {"code_bytes", or_null(profile.code_bytes)},
                             {"flash_bytes", or_null(profile.flash_bytes)},
                             {"layers", layers}};
  if (profile.latency) {
    document["latency_ms"] = profile.latency->latency_ms;
    document["latency_low_ms"] = profile.latency->low_ms;
    document["latency_high_ms"] = profile.latency->high_ms;
    document["latency_basis"] = device::to_string(profile.latency->basis);
    document["latency_source"] = profile.latency->source;
    document["latency_check"] = profile.latency_check;
  }
  if (profile.energy) {
    document["energy_uj"] = profile.energy->energy_uj;
    document["energy_low_uj"] = profile.energy->low_uj;
    document["energy_high_uj"] = profile.energy->high_uj;
    document["energy_memory_uj"] = profile.energy->memory_uj;
    document["energy_source"] = profile.energy->source;
  }
  if (!profile.why.empty()) document["why"] = profile.why;
  return document;
}

std::string text_of(const nlohmann::json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace thimble::deploy
