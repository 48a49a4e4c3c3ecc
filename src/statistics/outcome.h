#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace thimble::statistics {

/// Why a result cannot be had; the reason completes "cannot be had, because ...".
struct CannotBeHad {
  std::string reason;
};

/// A result, or why there is none: few seeds or no variance are facts of an experiment, not errors.
template <typename T>
class Outcome {
 public:
  Outcome(T value) : value_(std::move(value)) {}               // NOLINT: a value is an outcome
  Outcome(CannotBeHad cannot) : cannot_(std::move(cannot)) {}  // NOLINT: so is a reason

  explicit operator bool() const { return value_.has_value(); }
  const T& operator*() const {
    assert(value_);
    return *value_;
  }
  const T* operator->() const { return &**this; }
  /// "cannot be had, because group 'hybrid' has one value"; empty where there is a result.
  std::string why() const { return value_ ? "" : "cannot be had, because " + cannot_.reason; }
  const std::string& reason() const { return cannot_.reason; }

 private:
  std::optional<T> value_;
  CannotBeHad cannot_;
};

}  // namespace thimble::statistics
