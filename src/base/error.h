#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

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

 private:
  ExitCode exit_code_;
};

}  // namespace thimble
