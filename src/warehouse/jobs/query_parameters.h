#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::jobs {

// A query as it runs: positional parameters have become named ones.
struct BoundQuery {
  std::string text;
  std::vector<Parameter> parameters;
};

// `parameters` is BigQuery's queryParameters (scalars, arrays and structs); `mode` is NAMED,
// POSITIONAL or empty. INVALID_ARGUMENT names the parameter that is wrong.
absl::StatusOr<BoundQuery> BindQuery(std::string text, const nlohmann::json& parameters,
                                     const std::string& mode);

// The configuration of a job as its resource shows it: clients may give a parameter's value as a
// number or boolean, and read it as text.
nlohmann::json WithTextValues(nlohmann::json configuration);

}  // namespace afluente::warehouse::jobs
