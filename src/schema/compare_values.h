#pragma once

#include <compare>

#include "schema/type.h"
#include "schema/value.h"

namespace afluente::schema {

// The order of two scalars of one type, neither NULL. NaN has no order; neither do ARRAY, STRUCT
// and JSON.
std::partial_ordering CompareValues(TypeKind kind, const Value& a, const Value& b);

}  // namespace afluente::schema
