#include "data/npy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "base/error.h"
#include "own_files.h"
#include "packing.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::bytes_of;
using test::expect_error;
using test::npy;
using test::npy_header;
using test::raw;

std::vector<float> floats_of(const std::string& file) {
  const auto content = bytes_of(file);
  std::vector<float> values;
  append_floats(parse_npy(content, "x.npy"), "x.npy", values);
  return values;
}

std::vector<int32_t> labels_of(const std::string& file, int32_t high = 9) {
  const auto content = bytes_of(file);
  return integers_of(parse_npy(content, "y.npy"), "y.npy", 0, high);
}

void expect_refused(const std::string& file, const std::string& reason) {
  const auto content = bytes_of(file);
  expect_error([&] { parse_npy(content, "x.npy"); }, "x.npy: " + reason);
}

TEST(Npy, reads_every_type) {
  const std::vector<float> expected = {1, 2, 100};
  EXPECT_EQ(floats_of(npy(npy_header("|u1", "3,"), raw<uint8_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("|b1", "3,"), raw<uint8_t>({1, 0, 1}))), (std::vector<float>{1, 0, 1}));
  EXPECT_EQ(floats_of(npy(npy_header("<u2", "3,"), raw<uint16_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<u4", "3,"), raw<uint32_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<u8", "3,"), raw<uint64_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("|i1", "3,"), raw<int8_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<i2", "3,"), raw<int16_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<i4", "3,"), raw<int32_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<i8", "3,"), raw<int64_t>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<f4", "3,"), raw<float>({1, 2, 100}))), expected);
  EXPECT_EQ(floats_of(npy(npy_header("<f8", "3,"), raw<double>({1, 2, 100}))), expected);
}

TEST(Npy, reads_versions_2_and_3_and_keys_in_any_order) {
  const std::string header = "{\"shape\": (1, 2), 'fortran_order': False, 'descr': '<f4'}   \n";
  for (const char version : {'\x02', '\x03'}) {
    std::string file =
        std::string("\x93NUMPY") + version + '\0' + static_cast<char>(header.size()) + std::string(3, '\0');
    file += header + raw<float>({5, 6});
    const auto content = bytes_of(file);
    EXPECT_EQ(parse_npy(content, "x.npy").shape, (std::vector<uint64_t>{1, 2}));
    EXPECT_EQ(floats_of(file), (std::vector<float>{5, 6}));
  }
}

TEST(Npy, refuses_what_it_would_read_wrongly) {
  expect_refused("", "is no NPY file");
  expect_refused("PK\x03\x04 a zip of arrays", "is no NPY file");
  expect_refused("\x93NUMPY\x01", "is cut short within its header");
  expect_refused(std::string("\x93NUMPY\x04\0\0\0\0\0", 12), "has version 4");
  expect_refused(npy(npy_header(">f4", "1,"), raw<float>({1})), "has elements of type \">f4\"");
  expect_refused(npy(npy_header("<f2", "1,"), "xx"), "has elements of type \"<f2\"");
  expect_refused(npy(npy_header("|O", "1,"), "xx"), "has elements of type \"|O\"");
  expect_refused(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", raw<float>({1, 2})),
                 "is in Fortran order");
  expect_refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", raw<float>({1})),
                 "has a header that is none");
  expect_refused(npy("{'descr': '<f4', 'shape': (1,), }", raw<float>({1})), "has a header that is none");
  expect_refused(npy("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", raw<float>({1})),
                 "has a header that is none");
  expect_refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", raw<float>({1})),
                 "has a header that is none");
  expect_refused(npy(npy_header("<f4", "1,") + "x", raw<float>({1})), "has a header that is none");
}

TEST(Npy, refuses_shapes_that_the_file_does_not_hold) {
  expect_refused(npy(npy_header("<f4", "3,"), raw<float>({1, 2})),
                 "has 8 bytes of elements, its shape (3) wants 12");
  expect_refused(npy(npy_header("<f4", "1,"), raw<float>({1, 2})),
                 "has 8 bytes of elements, its shape (1) wants 4");
  expect_refused(npy(npy_header("<f4", "4611686018427387905,"), raw<float>({1})),
                 "has 4 bytes of elements, its shape (4611686018427387905) wants more than there can be");
  expect_refused(npy(npy_header("<f4", "4294967296, 4294967296, 0"), ""), "has 0 bytes");
  expect_refused(npy(npy_header("<f4", "18446744073709551616,"), raw<float>({1})),
                 "has a header that is none");
  std::string axes;
  for (int i = 0; i < 33; ++i) axes += "1, ";
  expect_refused(npy(npy_header("<f4", axes), raw<float>({1})), "has a header that is none");
}

TEST(Npy, names_the_place_of_a_value_that_is_not_finite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_error(
      [&] {
        floats_of(npy(npy_header("<f4", "2, 2"), raw<float>({1, 2, nan, 4})));
      },
      "x.npy: has nan at [1, 0]");
  expect_error(
      [&] {
        floats_of(npy(npy_header("<f8", "2,"), raw<double>({1, 1e300})));
      },
      "x.npy: has 1e+300 at [1]");
}

TEST(Npy, takes_labels_of_any_integer_type_within_their_range) {
  EXPECT_EQ(labels_of(npy(npy_header("<i8", "2,"), raw<int64_t>({0, 9}))), (std::vector<int32_t>{0, 9}));
  EXPECT_EQ(labels_of(npy(npy_header("|u1", "2, 1"), raw<uint8_t>({3, 4}))), (std::vector<int32_t>{3, 4}));
  expect_error(
      [] {
        labels_of(npy(npy_header("<i8", "2,"), raw<int64_t>({0, -1})));
      },
      "y.npy: has -1 at [1]; it must be from 0 to 9");
  expect_error(
      [] {
        labels_of(npy(npy_header("<i4", "2,"), raw<int32_t>({0, 10})));
      },
      "y.npy: has 10 at [1]");
  expect_error([] { labels_of(npy(npy_header("<u8", "1,"), raw<uint64_t>({uint64_t{1} << 63}))); },
               "y.npy: has 9223372036854775808");
  expect_error([] { labels_of(npy(npy_header("<f4", "1,"), raw<float>({1}))); },
               "must be integers, one a sample; it is an array of shape (1) of floats");
  expect_error([] { labels_of(npy(npy_header("|u1", "1, 2"), raw<uint8_t>({0, 1}))); }, "argmax");
}

RC_GTEST_PROP(Npy, of_any_header_is_an_array_or_an_error, ()) {
  std::string file = npy(npy_header("<f4", "2, 3"), raw<float>({1, 2, 3, 4, 5, 6}));
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
    const char letter =
        *rc::gen::element('0', '9', '(', ')', ',', '\'', '{', '}', ' ', '-', '\0', '\xff', '4', 'T');
    file[*rc::gen::inRange<size_t>(6, 80)] = letter;
  }
  const auto content = bytes_of(file);
  try {
    const NpyArray array = parse_npy(content, "x.npy");
    std::vector<float> values;
    append_floats(array, "x.npy", values);
    RC_ASSERT(values.size() == array.elements());
  } catch (const Error&) {
  }
}

}  // namespace
}  // namespace thimble::data
