#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace afluente::identity {

// INVALID_ARGUMENT, with the reason, for a path that two servers could read as two: fragments,
// backslashes, dot segments, empty segments, path parameters, control and foreign bytes, and
// encodings of those, once or twice. Pure.
absl::Status CheckPath(std::string_view path);

// A place of this site to return to after signing in: a path and query that a browser cannot take
// for another site's.
bool IsSameSitePath(std::string_view target);

}  // namespace afluente::identity
