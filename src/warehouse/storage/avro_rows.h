#pragma once

#include <string>
#include <vector>

#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse::storage {

// Rows in Avro's binary encoding as the Storage Read API sends them ("Avro schema details" of
// BigQuery's documentation): a record `__root__`, nullable columns as unions with null, NUMERIC and
// BIGNUMERIC as decimals in bytes, TIME and TIMESTAMP in microseconds, DATETIME and JSON as strings
// that name their SQL type.
std::string AvroSchemaOf(const std::vector<schema::Column>& columns);
std::string EncodeAvroRows(const std::vector<schema::Column>& columns, const ColumnBatch& batch);

}  // namespace afluente::warehouse::storage
