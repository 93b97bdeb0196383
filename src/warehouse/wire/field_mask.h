#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace afluente::warehouse::wire {

// Google's partial responses: keeps of `value` what `fields` names, as "kind,items(id,labels/a)".
// INVALID_ARGUMENT when it cannot be read.
absl::Status SelectFields(std::string_view fields, nlohmann::json& value);

}  // namespace afluente::warehouse::wire
