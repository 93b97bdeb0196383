#pragma once

#include <string>
#include <vector>

#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::api {

// CSV (RFC 4180) with a header row. NULL is an empty field, an empty string is "". Scalars are
// written as in JSON without quotes; ARRAY, STRUCT and JSON as JSON text.
void AppendCsvHeader(std::string& out, const std::vector<schema::Column>& columns);
void AppendCsvRow(std::string& out, const warehouse::ColumnBatch& batch, size_t row);

}  // namespace afluente::api
