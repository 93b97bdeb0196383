#pragma once

#include "absl/status/status.h"
#include "warehouse/catalog.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/duckdb/session.h"

namespace afluente::warehouse::duckdb {

// Functions and procedures in the table afluente_internal.routines: their CREATE statements and
// what INFORMATION_SCHEMA tells of them. Inside the caller's transaction.
absl::Status CreateRoutinesTable(Session& session);
absl::Status StoreRoutine(Session& session, const Routine& routine);
absl::Status DeleteRoutine(Session& session, const TableName& name);
absl::Status LoadRoutines(Session& session, CatalogSnapshot& snapshot);

}  // namespace afluente::warehouse::duckdb
