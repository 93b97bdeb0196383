#pragma once

#include "absl/status/status.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/table.h"

namespace afluente::warehouse::duckdb {

// The index of a table's key column (docs/decisions, "Lookups by the first clustering column").
// DuckDB alters no column of a table that has one, so it goes and comes back around that. Nothing
// where the table has no key column.
absl::Status CreateKeyIndex(Session& session, const TableSchema& table);
absl::Status DropKeyIndex(Session& session, const TableSchema& table);

}  // namespace afluente::warehouse::duckdb
