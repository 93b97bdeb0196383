#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse::bigquery {

// The rows of a query's answer (`rows` of jobs.query and jobs.getQueryResults, with
// `formatOptions.useInt64Timestamp`) as columns. UNAVAILABLE names the cell that has not the form
// of its type: that is the service's fault, not the caller's.
absl::StatusOr<ColumnBatch> ReadRows(const std::vector<schema::Column>& columns,
                                     const nlohmann::json& rows);

}  // namespace afluente::warehouse::bigquery
