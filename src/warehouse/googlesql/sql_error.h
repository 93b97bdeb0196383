#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace afluente::warehouse::googlesql {

// What went wrong and at which byte of the statement. Thrown inside this folder only: Translate
// turns it into a Status with line and column, so nothing is thrown to callers.
struct SqlError {
  absl::StatusCode code;
  std::string message;
  size_t at;
};

[[noreturn]] inline void Fail(size_t at, std::string message) {
  throw SqlError{absl::StatusCode::kInvalidArgument, std::move(message), at};
}

[[noreturn]] inline void FailSyntax(size_t at, std::string_view message) {
  Fail(at, "Syntax error: " + std::string(message));
}

[[noreturn]] inline void FailUnsupported(size_t at, std::string_view what) {
  throw SqlError{absl::StatusCode::kUnimplemented, std::string(what) + " is not supported", at};
}

// "message at [line:column]", both counted from 1, columns in characters.
absl::Status ToStatus(const SqlError& error, std::string_view statement);

}  // namespace afluente::warehouse::googlesql
