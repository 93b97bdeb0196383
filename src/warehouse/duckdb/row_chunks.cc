#include "warehouse/duckdb/row_chunks.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/check.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/attributes_json.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Column;
using schema::Mode;
using schema::Type;
using schema::TypeKind;
using schema::Value;

constexpr size_t kNotDeclared = ~size_t{0};
constexpr int64_t kMicrosPerDay = 86'400'000'000;

// Where each stored column's value is found in a StoredRow.
struct Layout {
  std::vector<size_t> value_index;  // kNotDeclared: one of the message columns
  std::vector<LogicalTypeHandle> types;
  size_t declared = 0;
};

Layout LayoutOf(const TableSchema& table) {
  Layout layout;
  for (const Column& column : table.columns) {
    bool message =
        table.function_fed && (column.name == kMessageIdColumn || column.name == kMessageRowColumn);
    layout.value_index.push_back(message ? kNotDeclared : layout.declared++);
    layout.types.push_back(ToLogicalType(column.type));
  }
  if (IngestionPartitioned(table)) {
    layout.types.push_back(ToLogicalType({TypeKind::kTimestamp, {}}));
  }
  return layout;
}

// Writes the message columns without a Value a row.
absl::Status WriteMessageColumn(const Column& column, absl::Span<const StoredRow> rows,
                                duckdb_vector vector) {
  for (size_t i = 0; i < rows.size(); ++i) {
    // Rows that came otherwise than by a message.
    if (rows[i].message_id.empty()) {
      duckdb_vector_ensure_validity_writable(vector);
      duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), i);
      continue;
    }
    if (column.name == kMessageRowColumn) {
      static_cast<int64_t*>(duckdb_vector_get_data(vector))[i] = rows[i].message_row;
      continue;
    }
    if (!schema::IsUtf8(rows[i].message_id)) {
      return absl::InvalidArgumentError("a message id is not valid UTF-8");
    }
    duckdb_unsafe_vector_assign_string_element_len(vector, i, rows[i].message_id.data(),
                                                   rows[i].message_id.size());
  }
  return absl::OkStatus();
}

absl::Status WriteColumn(const Column& column, size_t index, absl::Span<const StoredRow> rows,
                         duckdb_vector vector) {
  static const Value kNull;
  static const Value kNoElements(Value::List{});
  std::vector<const Value*> values(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    values[i] = index < rows[i].values.size() ? &rows[i].values[index] : &kNull;
    // As BigQuery: a NULL array is stored as an empty one.
    if (column.type.kind == TypeKind::kArray && values[i]->is_null()) values[i] = &kNoElements;
    if (column.mode == Mode::kRequired && values[i]->is_null()) {
      return absl::InvalidArgumentError(
          schema::Concat("Required field ", column.name, " cannot be null"));
    }
  }
  absl::Status status = WriteVector(column.type, values, vector);
  if (status.ok()) return status;
  return Prefixed(schema::Concat("column ", column.name, ": "), status);
}

// Rows belong to the day on which they are stored.
void WritePartition(size_t rows, const ChunkHandle& chunk, size_t column) {
  const int64_t now = absl::ToUnixMicros(absl::Now());
  auto* out = static_cast<int64_t*>(
      duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), column)));
  std::fill(out, out + rows, now - now % kMicrosPerDay);
}

absl::StatusOr<ChunkHandle> MakeChunk(const TableSchema& table, const Layout& layout,
                                      absl::Span<const StoredRow> rows) {
  std::vector<duckdb_logical_type> types;
  for (const LogicalTypeHandle& type : layout.types) types.push_back(type.get());
  ChunkHandle chunk(duckdb_create_data_chunk(types.data(), types.size()));
  for (size_t i = 0; i < table.columns.size(); ++i) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.get(), i);
    size_t index = layout.value_index[i];
    AFLUENTE_RETURN_IF_ERROR(index == kNotDeclared
                                 ? WriteMessageColumn(table.columns[i], rows, vector)
                                 : WriteColumn(table.columns[i], index, rows, vector));
  }
  if (IngestionPartitioned(table)) WritePartition(rows.size(), chunk, table.columns.size());
  duckdb_data_chunk_set_size(chunk.get(), rows.size());
  return chunk;
}

Value Micros(host::WallTime time) {
  return Value(static_cast<int64_t>(time.time_since_epoch().count()));
}

}  // namespace

absl::StatusOr<RowChunks> RowChunks::Make(const TableSchema& table,
                                          absl::Span<const StoredRow> rows) {
  RowChunks made;
  Layout layout = LayoutOf(table);
  for (const StoredRow& row : rows) {
    if (row.values.size() > layout.declared) {
      return absl::InvalidArgumentError(schema::Concat("a row has ", row.values.size(),
                                                       " values but table ", table.name.ToString(),
                                                       " has ", layout.declared, " columns"));
    }
  }
  const size_t chunk_rows = duckdb_vector_size();
  for (size_t from = 0; from < rows.size(); from += chunk_rows) {
    AFLUENTE_ASSIGN_OR_RETURN(ChunkHandle chunk,
                              MakeChunk(table, layout, rows.subspan(from, chunk_rows)));
    made.chunks_.push_back(std::move(chunk));
  }
  return made;
}

absl::Status RowChunks::AppendTo(duckdb_connection connection, const TableName& table) const {
  AppenderHandle appender;
  std::string dataset = schema::Concat(table.project, ".", table.dataset);
  if (duckdb_appender_create(connection, dataset.c_str(), table.table.c_str(), appender.out()) !=
      DuckDBSuccess) {
    return AppenderStatus(appender);
  }
  for (const ChunkHandle& chunk : chunks_) {
    if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess) {
      return AppenderStatus(appender);
    }
  }
  if (duckdb_appender_close(appender.get()) != DuckDBSuccess) return AppenderStatus(appender);
  return absl::OkStatus();
}

std::vector<StoredRow> DeadLetterRows(const FunctionCommit& commit) {
  std::vector<StoredRow> rows;
  for (const DeadLetter& letter : commit.dead_letters) {
    StoredRow row;
    row.values = {Value(AsUtf8(letter.message.message_id)),
                  Value(AsUtf8(letter.topic)),
                  Value(AsUtf8(commit.function)),
                  Micros(letter.message.publish_time),
                  Value(letter.message.data),
                  Value(AttributesJson(letter.message.attributes)),
                  Value(AsUtf8(letter.message.ordering_key)),
                  Value(AsUtf8(letter.error)),
                  Value(letter.attempts),
                  Micros(letter.failed_at),
                  Value(std::string("dead"))};
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace afluente::warehouse::duckdb
