#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/type.h"

namespace afluente::schema {

// The canonical text of a decimal: no exponent, no needless zero, "-0" is "0". `kind` is NUMERIC
// (29 + 9 digits) or BIGNUMERIC (38 fraction digits, 2^255 steps each way); further fraction digits
// round half away from zero, as CAST does. Accepts an exponent ("1.5e3"). nullopt: not a number, or
// out of range.
std::optional<std::string> CanonicalDecimal(TypeKind kind, std::string_view text);

}  // namespace afluente::schema
