#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::function {

class Transform;

// Code in the place of the function's own; both empty: its own.
struct TransformText {
  std::string sql;
  std::string javascript;
};

// Makes a transform for a thread of its own. INVALID_ARGUMENT when the code is wrong.
using TransformSource =
    std::function<absl::StatusOr<std::unique_ptr<Transform>>(const TransformText&)>;

}  // namespace afluente::function
