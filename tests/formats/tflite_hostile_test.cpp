#include <flatbuffers/flatbuffers.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>
#include <iostream>

#include "base/error.h"
#include "base/random.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite_models.h"
#include "support/expect_error.h"

namespace thimble::tflite {
namespace {

/// Parses; what is read must also be fit to be written. Returns whether it was read.
bool survives(std::span<const std::byte> content) {
  try {
    to_tflite(parse_tflite(content, "hostile.tflite"));
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::filesystem::path> reference_files() {
  std::vector<std::filesystem::path> result;
  if (!std::filesystem::exists(reference_models())) return result;
  for (const auto& entry : std::filesystem::directory_iterator(reference_models())) {
    if (entry.path().extension() == ".tflite") result.push_back(entry.path());
  }
  return result;
}

class TfliteHostile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reference_files().empty()) return;
    std::cerr << "SKIPPED: no reference models in " << reference_models() << "; set THIMBLE_REFERENCE\n";
    GTEST_SKIP();
  }
};

TEST_F(TfliteHostile, a_file_cut_short_anywhere_is_an_error) {
  for (const auto& path : reference_files()) {
    const auto content = read_file(path);
    for (size_t size = 0; size < content.size(); size += 1 + size / 50) {
      // A copy of its own, so that a read past its end is seen.
      const std::vector<std::byte> cut(content.begin(), content.begin() + static_cast<ptrdiff_t>(size));
      EXPECT_THROW(parse_tflite(cut, "cut.tflite"), Error) << path << " at " << size;
    }
  }
}

TEST_F(TfliteHostile, flipped_bits_give_an_error_or_a_valid_graph) {
  for (const auto& path : reference_files()) {
    const auto content = read_file(path);
    Random random(7);
    for (int round = 0; round < 500; ++round) {
      auto damaged = content;
      const uint32_t flips = 1 + random.below(4);
      for (uint32_t i = 0; i < flips; ++i) {
        // Half of them in the tables, which lie at the file's beginning and end.
        const auto size = static_cast<uint32_t>(damaged.size());
        const uint32_t near = random.below(4096);
        const uint32_t at = random.below(2) == 0   ? random.below(size)
                            : random.below(2) == 0 ? near
                                                   : size - 1 - near;
        damaged[at] ^= static_cast<std::byte>(1U << random.below(8));
      }
      survives(damaged);
    }
  }
}

TEST(TfliteCorpus, every_file_that_the_fuzzer_kept_gives_an_error_or_a_valid_graph) {
  const auto folder = std::filesystem::path(THIMBLE_SOURCE_DIR) / "tests" / "fuzz" / "tflite_corpus";
  int read = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    ++(survives(read_file(entry.path())) ? read : refused);
  }
  EXPECT_GT(read, 10);
  EXPECT_GT(refused, 100);
}

/// Writes tables by field number, with what the public schema calls each; FlatBuffers lets tables be shared.
class Tables {
 public:
  using Offset = flatbuffers::uoffset_t;

  template <typename... Fields>
  Offset table(const Fields&... fields) {
    const auto start = builder_.StartTable();
    (put(fields), ...);
    return builder_.EndTable(start);
  }
  Offset vector(const std::vector<int32_t>& values) { return builder_.CreateVector(values).o; }
  Offset repeated(Offset element, size_t count) {
    const std::vector<flatbuffers::Offset<void>> elements(count, flatbuffers::Offset<void>(element));
    return builder_.CreateVector(elements).o;
  }
  Offset bytes(size_t count) { return builder_.CreateVector(std::vector<uint8_t>(count, 1)).o; }
  Offset text(size_t count) { return builder_.CreateString(std::string(count, 'a')).o; }

  struct Reference {
    int field;
    Offset to;
  };
  template <typename T>
  struct Number {
    int field;
    T value;
  };

  /// A model of one network with these tensors, operators, operator codes and buffers.
  std::vector<std::byte> model(Offset tensors, Offset operators, Offset codes, Offset buffers,
                               int32_t output) {
    const Offset inputs = vector({0});
    const Offset outputs = vector({output});
    const Offset subgraph =
        table(Reference{0, tensors}, Reference{1, inputs}, Reference{2, outputs}, Reference{3, operators});
    const Offset subgraphs = repeated(subgraph, 1);
    const Offset root =
        table(Number<uint32_t>{0, 3}, Reference{1, codes}, Reference{2, subgraphs}, Reference{4, buffers});
    builder_.Finish(flatbuffers::Offset<void>(root), "TFL3");
    const auto content = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
    return {content.begin(), content.end()};
  }

 private:
  static flatbuffers::voffset_t place(int field) {
    return static_cast<flatbuffers::voffset_t>(4 + 2 * field);
  }
  void put(const Reference& r) { builder_.AddOffset(place(r.field), flatbuffers::Offset<void>(r.to)); }
  template <typename T>
  void put(const Number<T>& n) {
    builder_.AddElement<T>(place(n.field), n.value, 0);
  }

  flatbuffers::FlatBufferBuilder builder_;
};

size_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

TEST(TfliteHostileTables, a_buffer_shared_by_many_constants_is_not_copied_without_bound) {
  Tables t;
  constexpr int kTensors = 4000;
  constexpr int kBytes = 64 * 1024;
  const auto shape = t.vector({kBytes / 4});
  const auto tensor = t.table(Tables::Reference{0, shape}, Tables::Number<uint32_t>{2, 1});
  const auto tensors = t.repeated(tensor, kTensors);
  std::vector<int32_t> all(kTensors - 1);
  for (int i = 0; i < kTensors - 1; ++i) all[i] = i;
  const auto inputs = t.vector(all);
  const auto outputs = t.vector({kTensors - 1});
  const auto options = t.table(Tables::Number<int32_t>{0, 0});
  const auto concat = t.table(Tables::Reference{1, inputs}, Tables::Reference{2, outputs},
                              Tables::Number<uint8_t>{3, 10}, Tables::Reference{4, options});
  const auto operators = t.repeated(concat, 1);
  const auto code = t.table(Tables::Number<int8_t>{0, 2});
  const auto codes = t.repeated(code, 1);
  const auto data = t.bytes(kBytes);
  const auto full = t.table(Tables::Reference{0, data});
  const auto buffers = t.repeated(full, 2);
  const auto content = t.model(tensors, operators, codes, buffers, kTensors - 1);
  ASSERT_LT(content.size(), 128U * 1024);
  const size_t before = peak_bytes();
  test::expect_error([&] { parse_tflite(content, "hostile.tflite"); }, "far more data than it holds");
  EXPECT_LT(peak_bytes() - before, size_t{64} << 20);
}

TEST(TfliteHostileTables, a_kilobyte_that_describes_a_huge_network_takes_little_memory_and_time) {
  for (const int32_t extent : {1 << 30, 1 << 15, 65535, 46340}) {
    JsonModel model;
    model.codes = {R"({"builtin_code": "MAX_POOL_2D"})"};
    model.tensors = {fmt::format(R"({{"shape": [1, {0}, {0}, 1]}})", extent),
                     fmt::format(R"({{"shape": [1, {0}, {0}, 1]}})", extent)};
    model.operators = {
        R"({"inputs": [0], "outputs": [1], "builtin_options_type": "Pool2DOptions", "builtin_options": {"padding": "SAME", "stride_w": 1, "stride_h": 1, "filter_width": 2, "filter_height": 2}})"};
    const auto content = compiled(model.text());
    ASSERT_LT(content.size(), 1024U);
    const size_t before = peak_bytes();
    const std::clock_t start = std::clock();  // processor time: other programs do not count
    survives(content);
    EXPECT_LT(peak_bytes() - before, size_t{64} << 20);
    EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);
  }
}

TEST(TfliteHostileTables, tables_that_multiply_by_sharing_end_quickly) {
  Tables t;
  // 100 networks that are one, of 100 tensors that are one: ten thousand visits in under a kilobyte.
  const auto shape = t.vector({1});
  const auto name = t.text(100);
  const auto tensor = t.table(Tables::Reference{0, shape}, Tables::Reference{3, name});
  const auto tensors = t.repeated(tensor, 100);
  const auto none = t.repeated(tensor, 0);
  const auto content = t.model(tensors, none, none, none, 0);
  ASSERT_LT(content.size(), 1024U);
  const std::clock_t start = std::clock();  // processor time: other programs do not count
  survives(content);
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace thimble::tflite
