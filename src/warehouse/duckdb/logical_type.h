#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {

// GoogleSQL types in DuckDB: INT64 BIGINT, FLOAT64 DOUBLE, NUMERIC DECIMAL(38,9), BOOL BOOLEAN,
// STRING VARCHAR, BYTES BLOB, DATE DATE, DATETIME TIMESTAMP, TIME TIME, TIMESTAMP TIMESTAMPTZ, JSON
// JSON, ARRAY T[], STRUCT STRUCT(...). BIGNUMERIC is a VARCHAR with the alias BIGNUMERIC that holds
// canonical decimal text: exact to read and to compare for equality, with no order or arithmetic.
std::string SqlType(const schema::Type& type);
LogicalTypeHandle ToLogicalType(const schema::Type& type);

// A result column's type; UNIMPLEMENTED for what GoogleSQL cannot hold.
absl::StatusOr<schema::Type> FromLogicalType(duckdb_logical_type type);

// Makes the type BIGNUMERIC known to `connection`'s database.
bool RegisterBigNumeric(duckdb_connection connection);

}  // namespace afluente::warehouse::duckdb
