#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::warehouse {

// Port: runs the JavaScript of SQL functions. Safe from any thread.
class JavaScriptFunctions {
 public:
  virtual ~JavaScriptFunctions() = default;

  // Calls `function code` ("(a, b) { ... }") with the elements of `arguments`, a JSON array; its
  // result as JSON, "null" for undefined. Compiled code is kept by its text, within bounds.
  // INVALID_ARGUMENT: "Error: ... " as thrown, or what does not compile; RESOURCE_EXHAUSTED when a
  // limit of time or memory was met.
  virtual absl::StatusOr<std::string> Call(std::string_view code, std::string_view arguments) = 0;
};

}  // namespace afluente::warehouse
