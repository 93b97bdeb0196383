#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "warehouse/warehouse.h"

namespace afluente::console {

// Runs a client command's statement: {"sql", "parameters": [{"name", "type", "value"}], "limit"} to
// {"columns": [{"name", "type"}], "rows": [{...}], "affected_rows"}. `project` completes
// `dataset.table`. Blocks.
absl::StatusOr<std::string> RunAdminQuery(const std::string& body, const std::string& project,
                                          warehouse::Warehouse& warehouse);

}  // namespace afluente::console
