#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "broker/resources.h"

namespace afluente::broker::push {

// A signed OpenID Connect token for pushes to `endpoint`. Called for each push, on the pushers'
// thread: must be quick.
using IdTokens = std::function<absl::StatusOr<std::string>(const OidcToken& oidc_token,
                                                           std::string_view endpoint)>;

}  // namespace afluente::broker::push
