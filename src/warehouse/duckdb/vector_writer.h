#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "schema/type.h"
#include "schema/value.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {

// A table's arrays have no NULL elements, as in BigQuery; a query's may.
enum class NullElements { kRefused, kAllowed };

// Writes one value a row into a fresh vector made for ToLogicalType(type), from row 0.
// INVALID_ARGUMENT when a value does not have the type's shape or range; NULL is allowed here.
absl::Status WriteVector(const schema::Type& type, absl::Span<const schema::Value* const> values,
                         duckdb_vector vector, NullElements null_elements = NullElements::kRefused);

// The value as a bound parameter or literal.
absl::StatusOr<ValueHandle> ToDuckdbValue(const schema::Type& type, const schema::Value& value);

}  // namespace afluente::warehouse::duckdb
