#pragma once

#include <duckdb.h>

#include "absl/status/status.h"

namespace afluente::warehouse::duckdb {

// Makes the functions and types known that translated SQL calls and DuckDB lacks. Users reach them
// through the translator only, since every name a user writes is resolved before DuckDB sees it.
absl::Status RegisterRuntimeFunctions(duckdb_connection connection);

}  // namespace afluente::warehouse::duckdb
