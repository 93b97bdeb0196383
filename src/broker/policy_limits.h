#pragma once

#include "absl/status/status.h"
#include "broker/policies.h"

namespace afluente::broker {

// INVALID_ARGUMENT with the member, role or field that a policy cannot have. Takes out bindings
// without members, as Google does.
absl::Status CheckPolicy(Policy& policy);

}  // namespace afluente::broker
