#pragma once

#include <string>
#include <string_view>

namespace afluente::identity {

// The 32 bytes of SHA-256, and of HMAC-SHA-256 (RFC 2104).
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);

// Whether two secrets are equal, in a time that depends on their lengths alone.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace afluente::identity
