#pragma once

#include <duckdb.h>

#include <string_view>

#include "absl/status/status.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {

// DuckDB's error as a Status in BigQuery's wording where it has one. Names of Afluente's own tables
// and functions, and DuckDB's hints, do not get through.
absl::Status ToStatus(duckdb_error_type type, std::string_view message);

absl::Status ResultStatus(ResultHandle& result);
// For errors that carry no type, only the text that starts with it.
absl::Status TextStatus(const char* message);
absl::Status PrepareStatus(const PreparedHandle& prepared);
absl::Status AppenderStatus(const AppenderHandle& appender);

// The same error with `prefix` before its text.
absl::Status Prefixed(std::string_view prefix, const absl::Status& status);

// True when the database refuses all further work until it is opened again.
bool IsInvalidated(const absl::Status& status);

}  // namespace afluente::warehouse::duckdb
