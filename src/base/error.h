#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

/// The exit codes of the command line (design: CLI), carried by the error that causes them.
enum class ExitCode : int { kDone = 0, kError = 1, kUsage = 2, kBudget = 3, kVerification = 4 };

/// An error that a user can cause and a user can mend. It reads "WHERE: REASON. REMEDY".
///
/// `where` names the file, operator, line or tool; `reason` says what is wrong with it; `remedy` says what to
/// do. Bugs are asserts, never Errors.
class Error : public std::runtime_error {
 public:
  Error(std::string_view where, std::string_view reason, std::string_view remedy,
        ExitCode exit_code = ExitCode::kError);

  ExitCode exit_code() const { return exit_code_; }
  const std::string& where() const { return where_; }
  const std::string& reason() const { return reason_; }
  const std::string& remedy() const { return remedy_; }

 private:
  std::string where_;
  std::string reason_;
  std::string remedy_;
  ExitCode exit_code_;
};

/// One of several things that are wrong at once.
struct Finding {
  std::string where;
  std::string reason;
  std::string remedy;
};

/// An Error of one or more findings about a model, so that a user learns all of them at once. It reads as one
/// Error where there is one finding, and numbers them otherwise (the first kShown of them).
class ModelError : public Error {
 public:
  static constexpr size_t kShown = 16;

  /// `file` names the model; `findings` is not empty.
  ModelError(std::string_view file, std::vector<Finding> findings);

  const std::vector<Finding>& findings() const { return findings_; }

 private:
  std::vector<Finding> findings_;
};

}  // namespace thimble
