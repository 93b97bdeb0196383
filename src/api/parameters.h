#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "http/router.h"
#include "spec/spec.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

// The values that a request gives for an endpoint's declared parameters: path ones first, the rest
// from the query, an ARRAY by repeating its name. INVALID_ARGUMENT names the parameter that is
// missing, unknown, repeated or not of its type. Values are only ever bound, never put into SQL.
absl::StatusOr<std::vector<warehouse::Parameter>> BindParameters(
    const std::vector<spec::EndpointParameter>& declared, const http::PathParameters& path,
    const std::vector<std::pair<std::string, std::string>>& query);

// INVALID_ARGUMENT for a declared type that no text can give: STRUCT, nested ARRAY, or an ARRAY in
// the path.
absl::Status CheckParameterType(const spec::EndpointParameter& parameter, bool in_path);

}  // namespace afluente::api
