#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "warehouse/table.h"

namespace afluente::warehouse::duckdb {

// A table's definition, its name left out, as JSON in the shape of BigQuery's table resource. This
// is what the engine's own tables keep.
std::string SchemaToJson(const TableSchema& schema);
// DATA_LOSS when `json` is not what SchemaToJson makes.
absl::StatusOr<TableSchema> SchemaFromJson(TableName name, std::string_view json);

}  // namespace afluente::warehouse::duckdb
