#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// Rows laid out as DuckDB chunks for one table's stored columns, made outside the commit.
class RowChunks {
 public:
  // INVALID_ARGUMENT names the column of a value that does not fit, or of a NULL in a REQUIRED one.
  // Rows may be shorter than the table's columns: those added since are NULL.
  static absl::StatusOr<RowChunks> Make(const TableSchema& table, absl::Span<const StoredRow> rows);

  // Appends the chunks inside the connection's open transaction.
  absl::Status AppendTo(duckdb_connection connection, const TableName& table) const;

 private:
  std::vector<ChunkHandle> chunks_;
};

// The rows of `<dataset>.dead_letters`.
std::vector<StoredRow> DeadLetterRows(const FunctionCommit& commit);

// The names of the two columns that tables fed by a function have besides their own.
inline constexpr std::string_view kMessageIdColumn = "_message_id";
inline constexpr std::string_view kMessageRowColumn = "_message_row";

}  // namespace afluente::warehouse::duckdb
