#pragma once

#include <duckdb.h>

#include <memory>

#include "absl/status/status.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/javascript.h"

namespace afluente::warehouse::duckdb {

// Makes the functions and types known that translated SQL calls and DuckDB lacks. Users reach them
// through the translator only, since every name a user writes is resolved before DuckDB sees it.
absl::Status RegisterRuntimeFunctions(duckdb_connection connection);

// gsql_javascript over `javascript`, which may be nullptr: calls are refused then.
absl::Status RegisterJavaScript(duckdb_connection connection,
                                std::shared_ptr<JavaScriptFunctions> javascript);
// gsql_justify.
bool RegisterIntervalFunctions(duckdb_connection connection);
// Base 32, Soundex, changes of JSON documents.
bool RegisterTextFunctions(duckdb_connection connection);

// The translator's macros, which the database keeps once created. Their fingerprint tells whether
// those it keeps are this program's.
absl::Status CreateMacros(Session& session);
int64_t MacrosFingerprint();

}  // namespace afluente::warehouse::duckdb
