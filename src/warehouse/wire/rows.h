#pragma once

#include <string>

#include "warehouse/column_batch.h"

namespace afluente::warehouse::wire {

// Rows as BigQuery's REST API gives them: {"f":[{"v":...}, ...]}. Scalars are texts, an ARRAY is a
// list of {"v"}, a STRUCT a row of its own. TIMESTAMP is seconds with a fraction, or microseconds.
void AppendRow(const ColumnBatch& batch, size_t row, bool int64_timestamps, std::string& out);

}  // namespace afluente::warehouse::wire
