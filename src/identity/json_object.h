#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::identity {

// Parses a JSON object as tokens, key sets and discovery documents must be: INVALID_ARGUMENT for
// anything else, for a member named twice at any level (two readers could believe two values) and
// for nesting beyond sixteen levels.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text);

}  // namespace afluente::identity
