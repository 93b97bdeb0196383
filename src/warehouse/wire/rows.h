#pragma once

#include <string>

#include "warehouse/column_batch.h"

namespace afluente::warehouse::wire {

// How TIMESTAMP is written: seconds since 1970 with a fraction, microseconds, or ISO 8601 in UTC.
enum class TimestampForm { kSeconds, kMicros, kIso8601 };

// Rows as BigQuery's REST API gives them: {"f":[{"v":...}, ...]}. Scalars are texts, an ARRAY is a
// list of {"v"}, a STRUCT a row of its own.
void AppendRow(const ColumnBatch& batch, size_t row, TimestampForm timestamps, std::string& out);

}  // namespace afluente::warehouse::wire
