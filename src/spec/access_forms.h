#pragma once

#include <string_view>

namespace afluente::spec {

// The forms of the texts in `access:`, besides its members.

// What a signed assertion is for: "/projects/NUMBER/locations/REGION/services/SERVICE" (Cloud Run),
// "/projects/NUMBER/global/backendServices/ID" (load balancer) or "/projects/NUMBER/apps/PROJECT"
// (App Engine).
bool IsAssertionAudience(std::string_view text);
// An https: URL, or an http: one on loopback, without user, query, fragment and white space.
bool IsSafeUrl(std::string_view text);
// Of a key set: a safe URL or file:PATH.
bool IsKeySetUri(std::string_view text);
// "/path" of an endpoint, or "/path/*".
bool IsEndpointPattern(std::string_view text);

}  // namespace afluente::spec
