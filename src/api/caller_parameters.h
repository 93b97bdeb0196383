#pragma once

#include <string_view>
#include <vector>

#include "api/caller.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

// @caller_email STRING and @caller_groups ARRAY<STRING>: who asks, in an endpoint's SQL. Bound from
// what is proven, never from the request; NULL and an empty array with identity off.
std::vector<warehouse::Parameter> CallerParameters(const Caller& caller);

// Their names, which no endpoint may declare. Case does not matter, as in SQL.
bool IsCallerParameter(std::string_view name);

}  // namespace afluente::api
