#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "base/error.h"

namespace thimble::test {

/// The text of the Error that `action` throws; a test failure, and empty, when it throws none.
template <typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no thimble::Error was thrown";
  return {};
}

/// Expects that `action` throws an Error whose text contains every part.
template <typename Action>
void expect_error(const Action& action, std::initializer_list<std::string> parts) {
  const std::string text = error_of(action);
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "the error is: " << text << "\nit lacks: " << part;
  }
}

template <typename Action>
void expect_error(const Action& action, const std::string& part) {
  expect_error(action, {part});
}

}  // namespace thimble::test
