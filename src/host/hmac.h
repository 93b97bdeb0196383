#pragma once

#include <string>
#include <string_view>

namespace afluente::host {

// HMAC-SHA256 (RFC 2104): 32 bytes.
std::string HmacSha256(std::string_view key, std::string_view message);

// Compares in a time that does not tell where they differ.
bool SameSecret(std::string_view a, std::string_view b);

}  // namespace afluente::host
