#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace afluente::spec {

// An endpoint's path: "/app_info/{app_id}:{app_department}".
struct PathPattern {
  std::vector<std::string> parameters;  // in order
  // The path with "{}" for each parameter: two patterns with one shape would match the same paths.
  std::string shape;
};

// INVALID_ARGUMENT gives the column within the path and what was expected.
absl::StatusOr<PathPattern> ParsePathPattern(std::string_view path);

}  // namespace afluente::spec
