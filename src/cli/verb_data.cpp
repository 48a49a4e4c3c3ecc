#include <fmt/format.h>

#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "data/dataset.h"

namespace thimble::cli {
namespace {

void list_data(const CommonOptions& common) {
  nlohmann::json document = nlohmann::json::array();
  Table table({"name", "description"});
  for (const data::DatasetInfo& info : data::datasets()) {
    document.push_back({{"name", info.name}, {"description", info.description}});
    table.add({info.name, info.description});
  }
  print(common, document, table.text());
}

void get_data(const CommonOptions& common, const std::string& name) {
  nlohmann::json document = {{"name", name}};
  Table table({"split", "samples", "SHA-256"});
  for (const data::Split split : {data::Split::kTrain, data::Split::kTest}) {
    const data::Dataset dataset = data::load(name, split);
    const char* split_name = split == data::Split::kTrain ? "train" : "test";
    document[split_name] = {{"samples", dataset.size()}, {"sha256", dataset.sha256}};
    table.add({split_name, grouped(dataset.size()), dataset.sha256});
  }
  print(common, document, table.text());
}

}  // namespace

void add_data(CLI::App& program) {
  static CommonOptions common;
  static std::string name;
  CLI::App* verb = program.add_subcommand("data", "data sets: list, get NAME")->require_subcommand(1);
  verb->footer("Example:\n  thimble data get mnist");
  add_verb(*verb, "list", "the sets that are known", "", "thimble data list", common)->callback([] {
    list_data(common);
  });
  CLI::App* one = add_verb(*verb, "get", "fetch a set and check it",
                           "Sets are looked for in the folder THIMBLE_DATA, then in the user's cache, and\n"
                           "fetched into the cache if neither has them.",
                           "thimble data get mnist", common);
  one->add_option("NAME", name, "a data set's name")->required()->option_text(" ");
  one->callback([] { get_data(common, name); });
}

}  // namespace thimble::cli
