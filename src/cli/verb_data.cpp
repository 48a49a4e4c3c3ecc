#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "data/contact_sheet.h"
#include "data/dataset.h"
#include "data/image_file.h"
#include "data/traces.h"
#include "data/validation.h"

namespace thimble::cli {
namespace {

void list_data(const CommonOptions& common) {
  nlohmann::json document = nlohmann::json::array();
  Table table({"name", "description"});
  for (const data::DatasetInfo& info : data::datasets()) {
    document.push_back({{"name", info.name}, {"description", info.description}});
    table.add({info.name, info.description});
  }
  print(common, document,
        table.text() + "\nYour own images, CSV or NPY files are data sets by their path: docs/data.md.\n");
}

void get_data(const CommonOptions& common, const std::string& name) {
  const data::TrainAndTest both = data::load_both(name);
  say_note(common, name, both.train);
  nlohmann::json document = {{"name", name}, {"place", both.train.place}};
  Table table({"split", "samples", "SHA-256"});
  for (const data::Dataset* dataset : {&both.train, &both.test}) {
    document[name_of(dataset->split)] = {{"samples", dataset->size()}, {"sha256", dataset->sha256}};
    table.add({name_of(dataset->split), grouped(dataset->size()), dataset->sha256});
  }
  print(common, document,
        fmt::format("{}\n{} is in {}, every file checked.\n", table.text(), name, both.train.place));
}

/// How many samples of each class and how many people or other groups there are at some indices of a set.
struct Counts {
  std::vector<size_t> classes;
  std::set<int32_t> groups;
  size_t samples = 0;

  Counts(const data::Dataset& dataset, const std::vector<size_t>* indices)
      : classes(dataset.class_names.size()) {
    const auto add = [&](size_t index) {
      ++classes.at(static_cast<size_t>(dataset.labels[index]));
      if (!dataset.groups.empty()) groups.insert(dataset.groups[index]);
      ++samples;
    };
    if (indices != nullptr) {
      std::for_each(indices->begin(), indices->end(), add);
    } else {
      for (size_t i = 0; i < dataset.size(); ++i) add(i);
    }
  }
};

/// Lowest and highest raw value of each channel, over both splits.
std::vector<std::pair<double, double>> ranges_of(const data::TrainAndTest& both) {
  const auto channels = static_cast<size_t>(both.train.sample_shape.back());
  std::vector<std::pair<double, double>> ranges(channels, {INFINITY, -INFINITY});
  const auto take = [&](const auto& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      auto& [low, high] = ranges[i % channels];
      low = std::min(low, static_cast<double>(values[i]));
      high = std::max(high, static_cast<double>(values[i]));
    }
  };
  for (const data::Dataset* dataset : {&both.train, &both.test}) {
    take(dataset->samples);
    take(dataset->values);
  }
  return ranges;
}

void draw_data(const data::Dataset& dataset, const std::string& output, uint64_t seed) {
  const std::string extension = std::filesystem::path(output).extension().string();
  const char* wanted = dataset.is_image() ? ".png" : ".html";
  if (extension != wanted) {
    throw Error(output, fmt::format("is not named *{}", wanted),
                dataset.is_image() ? "The contact sheet of a set of images is a PNG file"
                                   : "The traces of a set of signals or a table are an HTML file");
  }
  if (dataset.is_image()) {
    write_file_atomically(output, data::encode_png(data::contact_sheet(dataset, Random(seed))));
  } else {
    write_file_atomically(output, data::traces_html(dataset, Random(seed)));
  }
}

void show_data(const CommonOptions& common, const std::string& name, const std::string& output) {
  const data::TrainAndTest both = data::load_both(name);
  const data::Dataset& train = both.train;
  if (!output.empty()) draw_data(train, output, common.seed);

  // A set can be too small to keep samples for validation: the table then says why.
  std::optional<data::ValidationIndices> kept;
  std::string no_validation;
  try {
    kept = data::validation_indices(train);
  } catch (const Error& error) {
    no_validation = error.what();
  }
  const Counts in_train(train, nullptr);
  const Counts in_validation(train, kept ? &kept->validation : nullptr);
  const Counts in_test(both.test, nullptr);
  const auto row = [&](const std::string& what, size_t of_train, size_t of_validation, size_t of_test) {
    return std::vector<std::string>{what, grouped(of_train), kept ? grouped(of_validation) : "-",
                                    grouped(of_test)};
  };
  Table classes({"class", "train", "of it validation", "test"});
  for (size_t c = 0; c < train.class_names.size(); ++c)
    classes.add(row(train.class_names[c], in_train.classes[c], in_validation.classes[c], in_test.classes[c]));
  classes.add(row("all", in_train.samples, in_validation.samples, in_test.samples));
  if (!train.groups.empty())
    classes.add(
        row("people or groups", in_train.groups.size(), in_validation.groups.size(), in_test.groups.size()));

  const data::ChannelStatistics statistics = data::channel_statistics(train);
  const auto ranges = ranges_of(both);
  Table channels({"channel", "mean", "standard deviation", "lowest", "highest"});
  nlohmann::json channel_rows = nlohmann::json::array();
  for (size_t c = 0; c < ranges.size(); ++c) {
    const std::string channel =
        c < train.channel_names.size() ? train.channel_names[c] : fmt::format("{}", c);
    channels.add({channel, fmt::format("{:.6g}", statistics.mean[c]),
                  fmt::format("{:.6g}", statistics.standard_deviation[c]),
                  fmt::format("{:.6g}", ranges[c].first), fmt::format("{:.6g}", ranges[c].second)});
    channel_rows.push_back({{"name", channel},
                            {"mean", statistics.mean[c]},
                            {"standard_deviation", statistics.standard_deviation[c]},
                            {"lowest", ranges[c].first},
                            {"highest", ranges[c].second}});
  }

  const auto part = [](const Counts& counts, const data::Dataset& dataset) {
    nlohmann::json json = {{"samples", counts.samples}, {"classes", counts.classes}};
    if (!dataset.groups.empty()) json["groups"] = counts.groups;
    return json;
  };
  nlohmann::json document = {{"name", name},
                             {"place", train.place},
                             {"note", train.note},
                             {"sample_shape", train.sample_shape},
                             {"type", train.is_image() ? "uint8" : "float32"},
                             {"class_names", train.class_names},
                             {"channels", channel_rows},
                             {"train", part(in_train, train)},
                             {"test", part(in_test, both.test)}};
  document["train"]["sha256"] = train.sha256;
  document["test"]["sha256"] = both.test.sha256;
  document["validation"] = kept ? part(in_validation, train) : nlohmann::json{{"why", no_validation}};
  if (!output.empty()) document["output"] = output;

  const std::string seen =
      train.is_image() ? "A network sees byte / 255. Mean and deviation are of that, over the training split."
                       : "A network sees (value - mean) / standard deviation, both of the training split.";
  std::string text =
      fmt::format("{}: samples ({}), {}, {} classes; in {}\n", name, fmt::join(train.sample_shape, ", "),
                  train.is_image() ? "bytes" : "float32", train.class_names.size(), train.place);
  if (!train.note.empty()) text += wrapped(fmt::format("Note: {}.", train.note)) + "\n";
  text += fmt::format("\n{}\n{}\n{}\n\n", classes.text(), channels.text(), seen);
  if (!kept) text += wrapped("No validation data: " + no_validation) + "\n\n";
  text += fmt::format("SHA-256 of the training files {}\nSHA-256 of the test files     {}\n", train.sha256,
                      both.test.sha256);
  if (!output.empty())
    text += fmt::format(
        "\n{}: {}\n", output,
        train.is_image() ? "contact sheet of training images" : "training samples, a row a class");
  print(common, document, text);
}

}  // namespace

void add_data(CLI::App& program) {
  static CommonOptions common;
  static std::string name;
  static std::string output;
  CLI::App* verb =
      program.add_subcommand("data", "data sets: list, get NAME, show NAME|PATH")->require_subcommand(1);
  verb->footer("Example:\n  thimble data show uci-har -o uci-har.html");
  add_verb(*verb, "list", "the sets that are known", "", "thimble data list", common)->callback([] {
    list_data(common);
  });
  CLI::App* one = add_verb(*verb, "get", "fetch a set, check it, say where it is",
                           "Sets are looked for in the folder THIMBLE_DATA, then in the user's cache, and\n"
                           "fetched into the cache if neither has them.",
                           "thimble data get mnist", common);
  one->add_option("NAME", name, "a data set's name")->required()->option_text(" ");
  one->callback([] { get_data(common, name); });
  CLI::App* show = add_verb(*verb, "show", "classes, channels, splits; a sheet of samples",
                            "PATH is a folder of images, a .csv file, or a folder with x.npy and y.npy:\n"
                            "docs/data.md shows how each must lie.",
                            "thimble data show uci-har -o uci-har.html", common);
  show->add_option("NAME|PATH", name, "a data set's name, or the path of your own")
      ->required()
      ->option_text(" ");
  show->add_option("-o,--output", output, "draw samples: FILE.png of images, else FILE.html")
      ->option_text("FILE");
  show->callback([] { show_data(common, name, output); });
}

}  // namespace thimble::cli
