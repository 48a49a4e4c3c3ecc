#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace thimble::data {

/// The types of elements that are read: the little-endian ones of NumPy, and bool as uint8.
enum class NpyType { kUint8, kUint16, kUint32, kUint64, kInt8, kInt16, kInt32, kInt64, kFloat32, kFloat64 };

/// A NumPy array in a file's content, row-major.
struct NpyArray {
  NpyType type = NpyType::kUint8;
  std::vector<uint64_t> shape;
  std::span<const std::byte> data;  ///< looks into the file's content

  uint64_t elements() const;
  bool is_integer() const { return type != NpyType::kFloat32 && type != NpyType::kFloat64; }
};

/// Reads the header (NPY format 1.0, 2.0 or 3.0) of a file's content. Throws Error, naming `where`, when it
/// is no sound header, when the array is in Fortran order, big-endian or of another type, or when the content
/// is shorter or longer than the header says.
NpyArray parse_npy(std::span<const std::byte> content, std::string_view where);

/// Appends all elements as float32. Throws Error when one is not finite as float32.
void append_floats(const NpyArray& array, std::string_view where, std::vector<float>& values);

/// All elements of an integer array of shape (N) or (N, 1), within [low, high]. Throws Error otherwise.
std::vector<int32_t> integers_of(const NpyArray& array, std::string_view where, int32_t low, int32_t high);

}  // namespace thimble::data
