#include "data/uci_har.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/error.h"
#include "data/download.h"
#include "data/parse_number.h"
#include "data/source.h"

namespace thimble::data {
namespace {

constexpr size_t kTime = 128;
constexpr int32_t kPeople = 30;
constexpr uint64_t kTrainBytes = 15071600;
constexpr uint64_t kTestBytes = 6041350;
constexpr uint64_t kArchiveLimitBytes = uint64_t{1} << 27;
constexpr std::string_view kRemedy = "Check that it is the file of the official data set";
const std::string kUrl =
    "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip";
const std::vector<std::string> kClassNames = {"walking", "walking_upstairs", "walking_downstairs",
                                              "sitting", "standing",         "laying"};
const std::vector<std::string> kSignals = {"body_acc_x",  "body_acc_y",  "body_acc_z",
                                           "body_gyro_x", "body_gyro_y", "body_gyro_z",
                                           "total_acc_x", "total_acc_y", "total_acc_z"};

std::string_view text_of(std::span<const std::byte> content) {
  return {reinterpret_cast<const char*>(content.data()), content.size()};
}

/// Cuts the first line off, without its line break.
std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Cuts the first word off; empty when there is none.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

/// Two sums over a file's numbers that hardly any damage leaves as they are: of the numbers, and of the
/// numbers weighted by a hash of their places.
struct Sums {
  double plain = 0;
  double weighted = 0;
};

bool has_sums(std::span<const std::byte> content, const Sums& expected) {
  Sums sums;
  uint64_t place = 0;
  for (std::string_view rest = text_of(content); !rest.empty();) {
    std::string_view line = next_line(rest);
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line), ++place) {
      float value = 0;
      if (parse_float(word, value) != Parsed::kNumber) return false;
      const auto weight = static_cast<double>((place * 2654435761u) & 0xffffffffu) * 0x1.0p-32;
      sums.plain += static_cast<double>(value);
      sums.weighted += static_cast<double>(value) * weight;
    }
  }
  // A few numbers may differ by 1e-7; the rounding of all to float32 changes a sum by less than 1e-5.
  constexpr double kTolerance = 2e-5;
  return std::abs(sums.plain - expected.plain) < kTolerance &&
         std::abs(sums.weighted - expected.weighted) < kTolerance;
}

// The SHA-256 of the body_acc_* files are those of copies that were computed again from the authors'
// recordings (total acceleration less gravity), which differ from the official files in the seventh digit of
// a few numbers. The official files' own SHA-256 could not be had where this was written, so that a file of
// the right size whose numbers have the right sums is taken too. All other files have their official SHA-256.
const std::vector<SourceFile>& files() {
  static const std::vector<SourceFile> kFiles = {
      {"train/Inertial Signals/body_acc_x_train.txt", kTrainBytes,
       "5ffe3bb3f8e33521dcc3253547ff1689a221dac4ac2059bd628701e3a0dbeeab",
       [](auto content) {
         return has_sums(content, {-598.7968104, -317.9846344});
       }},
      {"train/Inertial Signals/body_acc_y_train.txt", kTrainBytes,
       "7f96af6bdb7d9e65f236b31dd34aa0193957f3dacd34a0a7ec84591bf41a9723",
       [](auto content) {
         return has_sums(content, {-275.0677098, -125.2487079});
       }},
      {"train/Inertial Signals/body_acc_z_train.txt", kTrainBytes,
       "40194f93395af6b8fe5b9b5f56815ed729a13ce1d0231b96640c39995d37bbb4",
       [](auto content) {
         return has_sums(content, {-259.0721638, -131.9475829});
       }},
      {"train/Inertial Signals/body_gyro_x_train.txt", kTrainBytes,
       "423f6806f09059de3c1f443cf1d04a3c3907dc7ee17b5d296ed775b07aa6cde6"},
      {"train/Inertial Signals/body_gyro_y_train.txt", kTrainBytes,
       "42419d8aaefd1a319561998defb167bfa57f7e51d656b6012d5a59c0b10f5260"},
      {"train/Inertial Signals/body_gyro_z_train.txt", kTrainBytes,
       "05bc629faee918b0f5b99cd2e68f860c785889627ec8efeb85c29282f3963988"},
      {"train/Inertial Signals/total_acc_x_train.txt", kTrainBytes,
       "41a7fe1da7b529cc6c2c3d7df97c98752bea74d7a142673dd59c7820fad3b5e6"},
      {"train/Inertial Signals/total_acc_y_train.txt", kTrainBytes,
       "03bd3a80c0c04bf354597ad62920158b4b6605e157d856a1aab9abb357d40c5d"},
      {"train/Inertial Signals/total_acc_z_train.txt", kTrainBytes,
       "5be3b593f88d49bb8f740c1c41379fc928ea8608d706594ebbba81cd800a5a33"},
      {"train/y_train.txt", 14704, "415b3357e2e2d5e70a45c781947c6bdd80e0410a579d862eedcd6bbce3c694ef"},
      {"train/subject_train.txt", 20152, "66e1e2fbe9b396fa5155f531dc3348c803f503be663e2318772d49947db9153a"},
      {"test/Inertial Signals/body_acc_x_test.txt", kTestBytes,
       "365e2ce65375cb3e759ecbdadcd8ebee488f499d1ca287d2ff9b75262e4153ae",
       [](auto content) {
         return has_sums(content, {-278.2923640, -154.8843663});
       }},
      {"test/Inertial Signals/body_acc_y_test.txt", kTestBytes,
       "371173cde31b0256cd1fe3da630849a22e2f84fc27904767302fb85d67515fbb",
       [](auto content) {
         return has_sums(content, {-143.4932526, -62.9367910});
       }},
      {"test/Inertial Signals/body_acc_z_test.txt", kTestBytes,
       "a2b58317137533bdbf2342bf301ae854c15b1168259cc7b582c2dd131e3d81d5",
       [](auto content) {
         return has_sums(content, {-9.7894431, -5.1644453});
       }},
      {"test/Inertial Signals/body_gyro_x_test.txt", kTestBytes,
       "fb4f27f13e4e08055043f34ed52f6d8bbe8ebce7dff9475ff92be03b3d3f607c"},
      {"test/Inertial Signals/body_gyro_y_test.txt", kTestBytes,
       "d2501166b2b1f645b51f722fcf31f3aa1e9a3edae18d49322612f37b4495cb80"},
      {"test/Inertial Signals/body_gyro_z_test.txt", kTestBytes,
       "90a18ce534be0dfc616cefdac9874e2ea599ae20421cd161361c2a33f40cfa5e"},
      {"test/Inertial Signals/total_acc_x_test.txt", kTestBytes,
       "ea71c339c828561bc1dc6f7301a54aeb7e61e6312cb2387ebaea832ffd04203d"},
      {"test/Inertial Signals/total_acc_y_test.txt", kTestBytes,
       "32692c617b40c16e020bf059a316bd6bf3a63d771f030dfc5fa4003f390b6f67"},
      {"test/Inertial Signals/total_acc_z_test.txt", kTestBytes,
       "622ddf1d9532fbe340472074ef1edd1a2f58aa332682542bb36a8c03c9ba9e04"},
      {"test/y_test.txt", 5894, "2a94cb53ca46b956c1b2aebd4a09a72badd8a8e9ea9cdfe9f31b3306a08666bb"},
      {"test/subject_test.txt", 7934, "63b8c577f4a85431c06bd87f6384608c90a9f72f05c7956dd21255dc63515c07"},
  };
  return kFiles;
}

Source uci_har();

Contents fetch_from_site() {
  const Source source = uci_har();
  return unpack(source, source.archives.back(),
                download(kUrl, {.limit_bytes = kArchiveLimitBytes, .timeout_s = 3600}));
}

Source uci_har() {
  return {.set = "uci-har",
          .archives = {{"UCI_HAR_Dataset.tar.xz"},
                       {"UCI HAR Dataset.zip"},
                       {"human+activity+recognition+using+smartphones.zip", "UCI HAR Dataset.zip",
                        kArchiveLimitBytes}},
          .archive_folder = "UCI HAR Dataset/",
          .files = files(),
          .mirrors = {{"official site", fetch_from_site}}};
}

/// Labels, people and signals in the order of kSignals.
std::vector<std::string> names_of(Split split) {
  const char* folder = split == Split::kTest ? "test" : "train";
  std::vector<std::string> names = {fmt::format("{0}/y_{0}.txt", folder),
                                    fmt::format("{0}/subject_{0}.txt", folder)};
  for (const std::string& signal : kSignals)
    names.push_back(fmt::format("{0}/Inertial Signals/{1}_{0}.txt", folder, signal));
  return names;
}

/// A split, not yet normalized, from the files of names_of.
Dataset decode(std::span<SourceContent> files, Split split) {
  Dataset dataset;
  dataset.name = "uci-har";
  dataset.split = split;
  dataset.sample_shape = {1, kTime, static_cast<int32_t>(kSignals.size())};
  dataset.class_names = kClassNames;
  dataset.channel_names = kSignals;
  dataset.place = files[0].place;
  dataset.sha256 = listing_sha256(files);
  dataset.labels = parse_lines_of_integers(text_of(files[0].bytes), files[0].where, 1,
                                           static_cast<int32_t>(kClassNames.size()));
  for (int32_t& label : dataset.labels) --label;
  dataset.groups = parse_lines_of_integers(text_of(files[1].bytes), files[1].where, 1, kPeople);
  if (dataset.groups.size() != dataset.size()) {
    throw Error(files[1].where,
                fmt::format("has {} lines for {} labels", dataset.groups.size(), dataset.size()), kRemedy);
  }
  const std::span<SourceContent> signals = files.subspan(2);
  dataset.values.resize(dataset.size() * kTime * signals.size());
  for (size_t channel = 0; channel < signals.size(); ++channel) {
    parse_windows(text_of(signals[channel].bytes), signals[channel].where, dataset.size(), kTime, channel,
                  signals.size(), dataset.values);
    signals[channel].bytes = {};
  }
  return dataset;
}

}  // namespace

void parse_windows(std::string_view text, std::string_view where, size_t windows, size_t time, size_t channel,
                   size_t channels, std::span<float> values) {
  size_t window = 0;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const auto refuse = [&](const std::string& reason) {
      throw Error(fmt::format("{}:{}", where, window + 1), reason, kRemedy);
    };
    if (window == windows) refuse(fmt::format("is one line more than the {} labels", windows));
    for (size_t t = 0; t < time; ++t) {
      const std::string_view word = next_word(line);
      if (word.empty()) refuse(fmt::format("has {} numbers, expected {}", t, time));
      if (parse_float(word, values[(window * time + t) * channels + channel]) != Parsed::kNumber)
        refuse(fmt::format("has \"{}\", which is not a finite number", word.substr(0, 40)));
    }
    if (!next_word(line).empty()) refuse(fmt::format("has more than {} numbers", time));
    ++window;
  }
  if (window != windows) {
    throw Error(where, fmt::format("has {} lines for {} labels", window, windows), kRemedy);
  }
}

std::vector<int32_t> parse_lines_of_integers(std::string_view text, std::string_view where, int32_t low,
                                             int32_t high) {
  std::vector<int32_t> numbers;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view word = next_word(line);
    int32_t number = 0;
    if (!parse_integer(word, number) || number < low || number > high || !next_word(line).empty()) {
      throw Error(fmt::format("{}:{}", where, numbers.size() + 1),
                  fmt::format("is not an integer from {} to {}", low, high), kRemedy);
    }
    numbers.push_back(number);
  }
  return numbers;
}

Dataset load_uci_har(Split split) {
  if (split == Split::kTest) return std::move(load_uci_har_both().test);
  std::vector<SourceContent> contents = read_files(uci_har(), names_of(Split::kTrain));
  Dataset dataset = decode(contents, Split::kTrain);
  dataset.normalization = channel_statistics(dataset);
  return dataset;
}

TrainAndTest load_uci_har_both() {
  std::vector<std::string> names = names_of(Split::kTrain);
  const size_t train_files = names.size();
  for (std::string& name : names_of(Split::kTest)) names.push_back(std::move(name));
  std::vector<SourceContent> contents = read_files(uci_har(), names);
  TrainAndTest both;
  both.train = decode(std::span(contents).first(train_files), Split::kTrain);
  both.test = decode(std::span(contents).subspan(train_files), Split::kTest);
  both.train.normalization = channel_statistics(both.train);
  both.test.normalization = both.train.normalization;
  return both;
}

}  // namespace thimble::data
