#pragma once

#include <duckdb.h>

#include "absl/status/status.h"
#include "warehouse/duckdb/session.h"

namespace afluente::warehouse::duckdb {

// Makes the functions and types known that translated SQL calls and DuckDB lacks. Users reach them
// through the translator only, since every name a user writes is resolved before DuckDB sees it.
absl::Status RegisterRuntimeFunctions(duckdb_connection connection);

// The translator's macros, which the database keeps once created. Their fingerprint tells whether
// those it keeps are this program's.
absl::Status CreateMacros(Session& session);
int64_t MacrosFingerprint();

}  // namespace afluente::warehouse::duckdb
