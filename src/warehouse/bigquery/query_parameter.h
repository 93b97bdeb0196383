#pragma once

#include <nlohmann/json_fwd.hpp>

#include "warehouse/warehouse.h"

namespace afluente::warehouse::bigquery {

// A parameter as BigQuery's REST API takes it (QueryParameter). A value that is not of its type is
// a broken invariant of the caller.
nlohmann::json ToQueryParameter(const Parameter& parameter);

}  // namespace afluente::warehouse::bigquery
