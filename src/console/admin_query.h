#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/warehouse.h"

namespace afluente::console {

// Whether the caller may use the datasets of a statement; PERMISSION_DENIED with words for them.
// `script`: what it touches is known only when it runs. Null: everybody on this machine may.
using AdmitStatement =
    std::function<absl::Status(const std::vector<std::string>& datasets, bool script)>;

// Runs a client command's statement: {"sql", "parameters": [{"name", "type", "value"}], "limit"} to
// {"columns": [{"name", "type"}], "rows": [{...}], "truncated": there are more than the limit,
// "milliseconds", "affected_rows"}. `project` completes `dataset.table`. Blocks; CANCELLED when
// `cancellation` says so.
absl::StatusOr<std::string> RunAdminQuery(
    const std::string& body, const std::string& project, warehouse::Warehouse& warehouse,
    std::shared_ptr<host::Cancellation> cancellation = nullptr,
    const AdmitStatement& admit = nullptr);

}  // namespace afluente::console
