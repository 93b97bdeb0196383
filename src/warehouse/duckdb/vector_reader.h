#pragma once

#include "absl/status/status.h"
#include "schema/type.h"
#include "schema/value.h"
#include "warehouse/column_batch.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {

// Appends rows [from, from + count) of a result's vector to `out`, whose type is already set.
// INVALID_ARGUMENT when an integer does not fit INT64.
absl::Status ReadVector(duckdb_vector vector, size_t from, size_t count, ColumnVector& out);

// Row `i` of a column as a value.
schema::Value ValueAt(const ColumnVector& column, size_t i);

// An empty column, children included.
ColumnVector EmptyColumn(const schema::Type& type);

}  // namespace afluente::warehouse::duckdb
