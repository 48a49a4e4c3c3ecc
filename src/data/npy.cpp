#include "data/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace thimble::data {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMostAxes = 32;  // as in NumPy

struct TypeName {
  std::string_view descr;
  NpyType type;
  size_t bytes;
};
constexpr std::array<TypeName, 13> kTypes = {{{"|u1", NpyType::kUint8, 1},
                                              {"<u1", NpyType::kUint8, 1},
                                              {"|b1", NpyType::kUint8, 1},
                                              {"<u2", NpyType::kUint16, 2},
                                              {"<u4", NpyType::kUint32, 4},
                                              {"<u8", NpyType::kUint64, 8},
                                              {"|i1", NpyType::kInt8, 1},
                                              {"<i1", NpyType::kInt8, 1},
                                              {"<i2", NpyType::kInt16, 2},
                                              {"<i4", NpyType::kInt32, 4},
                                              {"<i8", NpyType::kInt64, 8},
                                              {"<f4", NpyType::kFloat32, 4},
                                              {"<f8", NpyType::kFloat64, 8}}};

[[noreturn]] void refuse(std::string_view where, std::string_view reason, std::string_view remedy) {
  throw Error(where, reason, remedy);
}

/// The header: a Python dictionary with the keys 'descr', 'fortran_order' and 'shape', in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view where) : rest_(text), where_(where) {}

  void parse() {
    expect('{');
    while (!take('}')) {
      const std::string key(text());
      expect(':');
      if (key == "descr" && !descr_) {
        descr_ = std::string(text());
      } else if (key == "fortran_order" && !fortran_order_) {
        fortran_order_ = boolean();
      } else if (key == "shape" && !shape_) {
        shape_ = tuple();
      } else {
        fail();
      }
      if (!take(',') && !next_is('}')) fail();
    }
    skip_blanks();
    if (!rest_.empty() || !descr_ || !fortran_order_ || !shape_) fail();
  }

  const std::string& descr() const { return *descr_; }
  bool fortran_order() const { return *fortran_order_; }
  const std::vector<uint64_t>& shape() const { return *shape_; }

 private:
  [[noreturn]] void fail() const {
    refuse(where_, "has a header that is none of an array of numbers",
           "Write it anew with numpy.save, without objects or fields");
  }
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }
  bool next_is(char c) {
    skip_blanks();
    return rest_.starts_with(c);
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  std::string_view text() {
    const char quote = next_is('"') ? '"' : '\'';
    expect(quote);
    const size_t end = rest_.find(quote);
    if (end == std::string_view::npos) fail();
    const std::string_view content = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return content;
  }
  bool boolean() {
    skip_blanks();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    fail();
  }
  std::vector<uint64_t> tuple() {
    std::vector<uint64_t> numbers;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      uint64_t number = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
      if (error != std::errc{} || numbers.size() == kMostAxes) fail();
      numbers.push_back(number);
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      if (!take(',') && !next_is(')')) fail();
    }
    return numbers;
  }

  std::string_view rest_;
  std::string_view where_;
  std::optional<std::string> descr_;
  std::optional<bool> fortran_order_;
  std::optional<std::vector<uint64_t>> shape_;
};

/// The product, or nothing when it does not fit.
std::optional<uint64_t> product(std::span<const uint64_t> factors, uint64_t first) {
  uint64_t result = first;
  for (const uint64_t factor : factors) {
    if (__builtin_mul_overflow(result, factor, &result)) return std::nullopt;
  }
  return result;
}

template <typename T, typename Visitor>
void visit_as(std::span<const std::byte> data, const Visitor& visitor) {
  for (size_t i = 0; i < data.size() / sizeof(T); ++i) {
    T value{};
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    visitor(i, value);
  }
}

/// Calls visitor(index, element) for all elements, each in its own type.
template <typename Visitor>
void visit(const NpyArray& array, const Visitor& visitor) {
  switch (array.type) {
    case NpyType::kUint8:
      return visit_as<uint8_t>(array.data, visitor);
    case NpyType::kUint16:
      return visit_as<uint16_t>(array.data, visitor);
    case NpyType::kUint32:
      return visit_as<uint32_t>(array.data, visitor);
    case NpyType::kUint64:
      return visit_as<uint64_t>(array.data, visitor);
    case NpyType::kInt8:
      return visit_as<int8_t>(array.data, visitor);
    case NpyType::kInt16:
      return visit_as<int16_t>(array.data, visitor);
    case NpyType::kInt32:
      return visit_as<int32_t>(array.data, visitor);
    case NpyType::kInt64:
      return visit_as<int64_t>(array.data, visitor);
    case NpyType::kFloat32:
      return visit_as<float>(array.data, visitor);
    case NpyType::kFloat64:
      return visit_as<double>(array.data, visitor);
  }
}

/// Where in the array an element is: "[3, 0, 7]".
std::string place_of(const NpyArray& array, uint64_t index) {
  std::vector<uint64_t> place(array.shape.size());
  for (size_t axis = place.size(); axis-- > 0;) {
    place[axis] = index % array.shape[axis];
    index /= array.shape[axis];
  }
  return fmt::format("[{}]", fmt::join(place, ", "));
}

}  // namespace

uint64_t NpyArray::elements() const { return product(shape, 1).value_or(0); }

NpyArray parse_npy(std::span<const std::byte> content, std::string_view where) {
  constexpr std::string_view kAnew = "Write it anew with numpy.save";
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (!text.starts_with(kMagic))
    refuse(where, "is no NPY file", "Write it with numpy.save (not savez, not pickle)");
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(text[i])); };
  if (text.size() < 12) refuse(where, "is cut short within its header", kAnew);
  const size_t version = byte(6);
  if (version < 1 || version > 3)
    refuse(where, fmt::format("has version {} of the NPY format; 1 to 3 are read", version), kAnew);
  const size_t begin = version == 1 ? 10 : 12;
  const size_t length =
      version == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > text.size() - begin) refuse(where, "is cut short within its header", kAnew);
  HeaderParser header(text.substr(begin, length), where);
  header.parse();

  const auto type = std::find_if(kTypes.begin(), kTypes.end(),
                                 [&](const TypeName& t) { return t.descr == header.descr(); });
  if (type == kTypes.end()) {
    refuse(where,
           fmt::format("has elements of type \"{}\"; little-endian uint8 to uint64, int8 to int64, float32 "
                       "and float64 are read",
                       header.descr()),
           "Convert it before it is saved: array.astype('<f4')");
  }
  if (header.fortran_order() && header.shape().size() > 1)
    refuse(where, "is in Fortran order", "Save numpy.ascontiguousarray(array)");
  NpyArray array{type->type, header.shape(), content.subspan(begin + length)};
  const std::optional<uint64_t> bytes = product(array.shape, type->bytes);
  if (!bytes || *bytes != array.data.size()) {
    refuse(where,
           fmt::format("has {} bytes of elements, its shape ({}) wants {}", array.data.size(),
                       fmt::join(array.shape, ", "),
                       bytes ? fmt::format("{}", *bytes) : "more than there can be"),
           "It may be cut short: copy it again");
  }
  return array;
}

void append_floats(const NpyArray& array, std::string_view where, std::vector<float>& values) {
  values.reserve(values.size() + array.elements());
  visit(array, [&](size_t index, auto element) {
    const auto value = static_cast<float>(element);
    if (!std::isfinite(value)) {
      refuse(where,
             fmt::format("has {} at {}, which is not a finite float32", element, place_of(array, index)),
             "Replace or leave out such samples");
    }
    values.push_back(value);
  });
}

std::vector<int32_t> integers_of(const NpyArray& array, std::string_view where, int32_t low, int32_t high) {
  const bool is_list = array.shape.size() == 1 || (array.shape.size() == 2 && array.shape[1] == 1);
  if (!is_list || !array.is_integer()) {
    refuse(where,
           fmt::format("must be integers, one a sample; it is an array of shape ({}) of {}",
                       fmt::join(array.shape, ", "), array.is_integer() ? "integers" : "floats"),
           is_list ? "Save array.astype('int32')"
                   : "Save one integer a sample: numpy.argmax(array, axis=1) of a one-hot array");
  }
  std::vector<int32_t> numbers;
  numbers.reserve(array.elements());
  visit(array, [&](size_t index, auto element) {
    bool fits = false;
    if constexpr (std::is_integral_v<decltype(element)>)
      fits = std::cmp_greater_equal(element, low) && std::cmp_less_equal(element, high);
    if (!fits) {
      refuse(
          where,
          fmt::format("has {} at {}; it must be from {} to {}", element, place_of(array, index), low, high),
          "Correct it, or leave that sample out");
    }
    numbers.push_back(static_cast<int32_t>(element));
  });
  return numbers;
}

}  // namespace thimble::data
