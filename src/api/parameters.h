#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "http/message.h"
#include "http/path_parameters.h"
#include "spec/endpoint.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

// The values that a request gives for an endpoint's declared parameters, in their order. An ARRAY
// comes by repeating its name or with commas; in a list of texts an encoded comma is part of a
// value. One that is left out has its default, or NULL where it is optional. INVALID_ARGUMENT names
// the parameter that is missing, repeated, not of its type or not of its choices or range. Other
// names in the query are not looked at. Values are only ever bound, never put into SQL.
absl::StatusOr<std::vector<warehouse::Parameter>> BindParameters(
    const std::vector<spec::EndpointParameter>& declared, const http::PathParameters& path,
    const http::Request& request);

// INVALID_ARGUMENT names a query parameter that is in the path or for which `known` is false.
absl::Status CheckNames(const http::PathParameters& path, const http::Request& request,
                        absl::FunctionRef<bool(const std::string&)> known);

// INVALID_ARGUMENT for a declared type that no text can give: STRUCT, nested ARRAY, or an ARRAY in
// the path.
absl::Status CheckParameterType(const spec::EndpointParameter& parameter, bool in_path);

}  // namespace afluente::api
