#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse {

// A small durable value beside the tables, found by its space and key: what was seen, how far a
// stream is, what became of a job.
struct DurableRecord {
  std::string key;
  std::string value;
};

struct RecordChange {
  std::string space;
  std::string key;
  std::optional<std::string> value;  // nullopt: the record goes
};

// What a commit makes of a table before rows come.
struct TableDefinition {
  enum class Mode {
    kCreate,   // ALREADY_EXISTS when it does
    kEnsure,   // created, or altered as Catalog::EnsureTable does
    kReplace,  // dropped and created anew
  };
  TableSchema table;
  Mode mode = Mode::kEnsure;
};

// Rows that are made while the transaction that stores them runs, so that they need not fit in
// memory. It should only decode: every other commit waits. One thread.
class RowSource {
 public:
  virtual ~RowSource() = default;
  // The next rows; none is the end.
  virtual absl::StatusOr<std::vector<StoredRow>> Next() = 0;
  // From the start again, when the transaction is tried again.
  virtual absl::Status Rewind() = 0;
};

// A query whose rows go to a table, matched by column name.
struct SourceQuery {
  Statement statement;
  std::vector<Parameter> parameters;
};

// Rows for one table, from one or more of the four sources, in this order. A table fed by a
// function takes rows without a message id too: they are no message's.
struct TableRows {
  TableName table;
  bool truncate = false;       // the table's rows go first
  bool must_be_empty = false;  // ALREADY_EXISTS when it has rows
  // Rows of the table whose values in these columns are those of one of `keys` go first.
  std::vector<std::string> key_columns;
  std::vector<std::vector<schema::Value>> keys;
  std::vector<StoredRow> rows;
  RowSource* source = nullptr;  // not owned
  std::string parquet_file;     // within staging_directory(); its columns by name
  std::optional<SourceQuery> query;
};

// Commits together or not at all, in this order.
struct TableCommit {
  std::vector<TableDefinition> definitions;
  std::vector<TableRows> tables;
  std::vector<RecordChange> records;
  // For queries and files; DEADLINE_EXCEEDED or CANCELLED leaves nothing.
  QueryLimits limits;
};

// Port: rows and records that come in otherwise than by a function, through the one committer.
// Methods block and are safe from any thread. On disk when OK; after an error or a crash before the
// answer there is all of a commit or nothing (what the records tell).
class TableWriter {
 public:
  virtual ~TableWriter() = default;

  // Rows stored, of each entry of `tables`. Not idempotent by itself: a record in the same commit
  // is how a caller makes it so. NOT_FOUND for a missing table, INVALID_ARGUMENT names the column
  // of a value that does not fit, FAILED_PRECONDITION that of a change which is not allowed.
  virtual absl::StatusOr<std::vector<int64_t>> Commit(TableCommit commit) = 0;

  // Runs one DML or DDL statement with records in its transaction. `records` is called inside it,
  // with the rows changed by DML, and must not call back.
  using RecordsOf = std::function<std::vector<RecordChange>(std::optional<int64_t> affected_rows)>;
  virtual absl::StatusOr<std::unique_ptr<ResultStream>> Run(
      const Statement& statement, const std::vector<Parameter>& parameters,
      const QueryLimits& limits, const RecordsOf& records) = 0;

  // All records of a space, by key.
  virtual absl::StatusOr<std::vector<DurableRecord>> Records(std::string_view space) const = 0;

  // Where files to be read or written by the engine lie; it is emptied at each start.
  virtual const std::string& staging_directory() const = 0;
  // The columns of a Parquet file there. INVALID_ARGUMENT when it is none.
  virtual absl::StatusOr<std::vector<schema::Column>> ParquetColumns(
      const std::string& file) const = 0;
  virtual absl::StatusOr<int64_t> ParquetRows(const std::string& file) const = 0;
};

}  // namespace afluente::warehouse
