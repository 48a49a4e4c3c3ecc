#include "study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "base/toml_table.h"

namespace thimble::study {
namespace {

constexpr size_t kMostTrials = 100000;

/// What a network's stages take, by the stages' names.
using Settings = std::map<std::string, TomlTable>;

struct Network {
  std::string name;
  std::string model;
  std::vector<std::string> data;
  std::vector<int64_t> seeds;
  Settings settings;                              ///< where a technique says nothing
  std::map<std::string, Settings> of_techniques;  ///< of one technique, by its name; they win over all
};

struct Technique {
  std::string name;
  std::vector<TomlTable> stages;
};

void expect_new(const TomlTable& table, std::string_view key, const std::string& value,
                std::set<std::string>& seen) {
  if (!seen.insert(value).second) table.fail(key, fmt::format("has {} twice", value), "List each once");
}

std::vector<Technique> parse_techniques(TomlTable& table) {
  std::vector<Technique> techniques;
  std::set<std::string> names;
  for (TomlTable& entry : table.tables("technique")) {
    Technique technique;
    technique.name = entry.text("name");
    expect_new(entry, "name", technique.name, names);
    technique.stages = entry.tables("stage");
    if (technique.stages.empty()) {
      entry.fail("stage", "is missing",
                 "List the technique's stages: [[technique.stage]] with do = \"train\"");
    }
    entry.expect_no_other_keys();
    techniques.push_back(std::move(technique));
  }
  if (techniques.empty())
    table.fail("technique", "is missing", "List the techniques: [[technique]] with a name");
  return techniques;
}

Settings parse_settings(TomlTable& table, const std::set<std::string>& stages) {
  Settings settings;
  for (const std::string& stage : stages) {
    auto keys = table.table(stage);
    if (!keys) continue;
    if (keys->has("do")) keys->fail("do", "is a technique's to say", "Leave it out here");
    settings.emplace(stage, std::move(*keys));
  }
  return settings;
}

std::vector<int64_t> parse_seeds(TomlTable& table) {
  std::vector<int64_t> seeds = table.integers("seeds", 0, std::numeric_limits<int64_t>::max());
  std::set<std::string> seen;
  for (const int64_t seed : seeds) expect_new(table, "seeds", std::to_string(seed), seen);
  return seeds;
}

std::set<std::string> stages_of(std::span<Technique> techniques) {
  std::set<std::string> stages;
  for (Technique& technique : techniques) {
    for (TomlTable& stage : technique.stages) stages.insert(stage.text("do"));
  }
  return stages;
}

std::vector<Network> parse_networks(TomlTable& table, std::vector<Technique>& techniques,
                                    const std::vector<int64_t>& seeds) {
  const std::set<std::string> stages = stages_of(techniques);
  std::vector<Network> networks;
  std::set<std::string> names;
  for (TomlTable& entry : table.tables("network")) {
    Network network;
    network.name = entry.text("name");
    expect_new(entry, "name", network.name, names);
    network.model = entry.text("model");
    network.data = entry.texts("data");
    std::set<std::string> data;
    for (const std::string& set : network.data) expect_new(entry, "data", set, data);
    network.seeds = entry.has("seeds") ? parse_seeds(entry) : seeds;
    network.settings = parse_settings(entry, stages);
    if (auto own = entry.table("technique")) {
      for (Technique& technique : techniques) {
        auto of_one = own->table(technique.name);
        if (!of_one) continue;
        network.of_techniques.emplace(technique.name, parse_settings(*of_one, stages_of({&technique, 1})));
        of_one->expect_no_other_keys();
      }
      own->expect_no_other_keys();
    }
    entry.expect_no_other_keys();
    networks.push_back(std::move(network));
  }
  if (networks.empty())
    table.fail("network", "is missing", "List the networks: [[network]] with name, model and data");
  return networks;
}

std::string recipe_text(const Study& study, Technique& technique, const Network& network,
                        const std::string& data, uint64_t seed) {
  std::string text =
      fmt::format("name = {}\nmodel = {}\ndata = {}\ndevice = {}\nseed = {}\nstage = [\n",
                  toml_string(fmt::format("{}-{}", study.name, technique.name)), toml_string(network.model),
                  toml_string(data), toml_string(study.devices.front()), seed);
  const TomlTable nothing = TomlTable::parse("", "");
  const auto of = [&](const Settings& settings, const std::string& stage) {
    const auto place = settings.find(stage);
    return place == settings.end() ? &nothing : &place->second;
  };
  const auto own = network.of_techniques.find(technique.name);
  for (TomlTable& stage : technique.stages) {
    const std::string kind = stage.text("do");
    const TomlTable* own_settings = own == network.of_techniques.end() ? &nothing : of(own->second, kind);
    text += fmt::format("  {},\n", own_settings->inline_toml({&stage, of(network.settings, kind)}));
  }
  return text + "]\n";
}

bool has_technique(std::span<const Technique> techniques, std::string_view name) {
  return std::ranges::any_of(techniques, [&](const Technique& t) { return t.name == name; });
}

void parse_published(TomlTable table, std::span<const Technique> techniques, Study& study) {
  study.published_source = table.text("source");
  for (TomlTable& row : table.tables("results")) {
    const auto figure = [&row](std::string_view key) {
      return row.has(key) ? std::optional(row.number(key, -1e6, 1e6)) : std::nullopt;
    };
    const std::string technique = row.text("technique");
    if (!has_technique(techniques, technique)) {
      row.fail("technique", fmt::format("is {}, which is no technique of this study", technique),
               "Name one of the techniques, or leave the line out");
    }
    study.published.push_back(
        {technique, figure("accuracy"), figure("size"), figure("latency"), figure("energy")});
    row.expect_no_other_keys();
  }
  table.expect_no_other_keys();
}

}  // namespace

std::string to_string(const TrialKey& key) {
  return fmt::format("{}, {}, {}, seed {}", key.technique, key.network, key.data, key.seed);
}

Study parse_study(std::string_view text, std::string_view where) {
  TomlTable table = TomlTable::parse(text, where);
  Study study;
  study.text = text;
  study.name = table.text("name");
  study.devices = table.texts("devices");
  std::set<std::string> devices;
  for (const std::string& device : study.devices) expect_new(table, "devices", device, devices);
  const std::vector<int64_t> seeds = parse_seeds(table);
  if (auto weights = table.table("objective")) study.weights = pipeline::parse_weights(std::move(*weights));
  if (auto budget = table.table("budget")) study.budget = deploy::parse_limits(std::move(*budget));

  std::vector<Technique> techniques = parse_techniques(table);
  if (auto published = table.table("published")) parse_published(std::move(*published), techniques, study);
  const std::vector<Network> networks = parse_networks(table, techniques, seeds);
  study.baseline = table.text("baseline", techniques.front().name);
  if (!has_technique(techniques, study.baseline)) {
    table.fail("baseline", "names no technique", "Give the name of one of the techniques");
  }
  table.expect_no_other_keys();

  size_t trials = 0;
  for (const Network& network : networks)
    trials += network.seeds.size() * network.data.size() * techniques.size();
  if (trials > kMostTrials) {
    throw Error(std::string(where), fmt::format("asks for {} trials, more than {}", trials, kMostTrials),
                "Make several studies of it");
  }
  std::vector<int64_t> all_seeds;
  for (const Network& network : networks) {
    for (const int64_t seed : network.seeds) {
      if (std::find(all_seeds.begin(), all_seeds.end(), seed) == all_seeds.end()) all_seeds.push_back(seed);
    }
  }
  for (const int64_t seed : all_seeds) {
    for (const Network& network : networks) {
      if (std::find(network.seeds.begin(), network.seeds.end(), seed) == network.seeds.end()) continue;
      for (const std::string& data : network.data) {
        for (Technique& technique : techniques) {
          const TrialKey key{technique.name, network.name, data, static_cast<uint64_t>(seed)};
          std::string recipe = recipe_text(study, technique, network, data, key.seed);
          pipeline::parse_recipe(recipe, fmt::format("{} ({})", where, to_string(key)));
          study.trials.push_back({key, std::move(recipe)});
        }
      }
    }
  }
  return study;
}

Study read_study(const std::filesystem::path& path) {
  return parse_study(read_text(path, uint64_t{1} << 20), path.string());
}

}  // namespace thimble::study
