#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "schema/value.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/table.h"

namespace afluente::warehouse::duckdb {

// Deletes the rows whose values in `columns` are those of one of `keys`. INVALID_ARGUMENT names a
// column that the table has not.
absl::Status RemoveKeys(WriteTransaction& transaction, const TableSchema& table,
                        const std::vector<std::string>& columns,
                        const std::vector<std::vector<schema::Value>>& keys);

}  // namespace afluente::warehouse::duckdb
