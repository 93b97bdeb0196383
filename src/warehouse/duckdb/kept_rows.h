#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// The rows of a statement inside a script, in memory: RESOURCE_EXHAUSTED past 64 MiB of them.
absl::StatusOr<std::unique_ptr<ResultStream>> KeepRows(ResultStream& rows);
std::unique_ptr<ResultStream> KeptRows(std::vector<schema::Column> columns,
                                       std::vector<ColumnBatch> batches);

}  // namespace afluente::warehouse::duckdb
