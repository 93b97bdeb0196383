#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "identity/jose.h"

namespace afluente::identity {

// No token of Google or a common provider is near this.
inline constexpr size_t kTokenBytesMax = 12 << 10;

// A compact JWS taken apart, nothing of it believed yet.
struct UnverifiedToken {
  Algorithm algorithm = Algorithm::kEs256;
  std::string key_id;
  nlohmann::json claims;  // an object
};

// UNAUTHENTICATED, with the reason, for what is no such token or has a header that asks the reader
// to trust it: an algorithm that is none of ours, a key or the place of one (jwk, jku, x5c, x5u),
// an extension (crit, b64, zip), or no kid. Pure.
absl::StatusOr<UnverifiedToken> ParseToken(std::string_view token);

}  // namespace afluente::identity
