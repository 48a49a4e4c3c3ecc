#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace thimble::tflite {

/// Thrown where an operator is sound but not one that a Graph holds; the reader gathers these over the whole
/// file and reports them in one Error.
struct Unsupported {
  std::string reason;
  std::string remedy;
};

/// The file that is being read: its name for the errors, and how much may still be copied out of it. Tables
/// of a FlatBuffer can share what they refer to, so that a small file could otherwise describe any amount of
/// data.
class FileInHand {
 public:
  FileInHand(std::string_view name, size_t file_bytes)
      : name_(name), bytes_left_((size_t{16} << 20) + 16 * file_bytes) {}

  [[noreturn]] void malformed(std::string_view reason) const {
    throw Error(name_, reason, "The file is damaged or not a TensorFlow Lite model; get it again");
  }

  /// To be called before `bytes` are copied out of the file.
  void charge(size_t bytes) {
    if (bytes > bytes_left_) malformed("it refers to far more data than it holds");
    bytes_left_ -= bytes;
  }

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  size_t bytes_left_;
};

}  // namespace thimble::tflite
