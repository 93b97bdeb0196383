#pragma once

#include <string_view>

#include "http/message.h"

namespace afluente::identity {

// Identity-Aware Proxy's own names ("Securing your app with signed headers").
inline constexpr char kAssertionHeader[] = "X-Goog-IAP-JWT-Assertion";
inline constexpr char kEmailHeader[] = "X-Goog-Authenticated-User-Email";
inline constexpr char kUserIdHeader[] = "X-Goog-Authenticated-User-Id";

// Whether a header field says who the caller is, in any spelling that some server reads as one:
// case, '_' and '.' for '-' (gateways that make environment variables of fields lose the
// difference).
bool IsIdentityHeader(std::string_view name);

// Whether a field says where the request came from or went to: what a proxy writes, and what only
// the nearest proxy may have written.
bool IsForwardingHeader(std::string_view name);

// The one assertion of a request; nullptr when it has none, more than one, or one in another
// spelling beside or instead of it.
const std::string* FindAssertion(const http::Headers& headers);

}  // namespace afluente::identity
