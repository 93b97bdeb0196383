#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "warehouse/warehouse.h"

namespace afluente::console {

// Runs a client command's statement: {"sql", "parameters": [{"name", "type", "value"}], "limit"} to
// {"columns": [{"name", "type"}], "rows": [{...}], "truncated": there are more than the limit,
// "milliseconds", "affected_rows"}. `project` completes `dataset.table`. Blocks; CANCELLED when
// `cancellation` says so.
absl::StatusOr<std::string> RunAdminQuery(
    const std::string& body, const std::string& project, warehouse::Warehouse& warehouse,
    std::shared_ptr<host::Cancellation> cancellation = nullptr);

}  // namespace afluente::console
