#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "event/message.h"
#include "schema/value.h"
#include "warehouse/column_batch.h"
#include "warehouse/table.h"

namespace afluente::host {
class Cancellation;
}

namespace afluente::warehouse {

// One row that a function stores: `values` follow the table's declared columns.
struct StoredRow {
  std::string message_id;
  int64_t message_row = 0;  // which row of its message, from 0
  std::vector<schema::Value> values;
};

// A row of `<dataset>.dead_letters`.
struct DeadLetter {
  event::Message message;
  std::string topic;  // projects/P/topics/T
  std::string error;
  int64_t attempts = 1;
  host::WallTime failed_at{};
};

// A function's durable counters, counted in messages (rows beside). Deltas in a commit.
struct OutcomeCounters {
  int64_t stored = 0;
  int64_t dropped = 0;
  int64_t dead_lettered = 0;
  int64_t self_stored = 0;
  int64_t removed = 0;  // kept by the engine: messages whose last row left the table by DML or drop
  int64_t rows = 0;
};

// A dead letter waiting to be published to its topic: `key` makes the publish happen once.
struct OutboxEntry {
  std::string key;
  std::string topic;
  event::Draft draft;
};

// Everything one micro-batch decided. Commits together or not at all (promise 2).
struct FunctionCommit {
  std::string function;
  // Set: the function was called so until now. In the same transaction its counters, its table and
  // its dead letters become this function's, and nothing is left under the old name.
  std::string previous_name;
  TableName table;  // the table that `rows` go to
  std::vector<StoredRow> rows;
  // Messages that were decided before: in the same transaction their rows leave `table` first,
  // their dead letters become "retried" and the counters give up what they were.
  std::vector<std::string> replaced;
  // `table` is not the function's own: rows alone, the function neither feeds nor counts them.
  bool beside = false;
  TableName dead_letter_table;  // <dataset>.dead_letters, created on first use
  std::vector<DeadLetter> dead_letters;
  OutcomeCounters counters;
  std::vector<OutboxEntry> outbox;
  // The function's state after this batch; opaque to the engine. Empty optional = unchanged.
  std::optional<std::string> state;
};

// What a restart reads back of a function.
struct FunctionRecord {
  std::string function;
  std::string state;
  OutcomeCounters counters;
};

// A function's record and what its table holds, both of one moment.
struct FunctionAccount {
  FunctionRecord record;          // without a state when it never committed
  int64_t messages_in_table = 0;  // distinct `_message_id`, counted
  int64_t messages_doubled = 0;   // of those, with more rows than `_message_row` numbers
};

// A value bound to a named parameter (@name) of a statement.
struct Parameter {
  std::string name;
  schema::Type type;
  schema::Value value;
};

struct Statement {
  std::string text;             // GoogleSQL
  std::string default_project;  // completes `dataset.table`
  std::string default_dataset;  // completes `table`; may be empty
};

struct QueryLimits {
  std::optional<std::chrono::milliseconds> timeout;  // DEADLINE_EXCEEDED past it
  std::optional<uint64_t> rows_max;                  // stops after so many rows
  std::shared_ptr<host::Cancellation> cancellation;  // CANCELLED after it; may be nullptr
};

// A running query's rows. Owned by the caller, one thread at a time; destroying it cancels the
// query.
class ResultStream {
 public:
  virtual ~ResultStream() = default;
  virtual const std::vector<schema::Column>& columns() const = 0;
  // The next rows; a batch of 0 rows is the end. Blocks.
  virtual absl::StatusOr<ColumnBatch> Next() = 0;
  // Rows changed by DML; nullopt for SELECT and DDL.
  virtual std::optional<int64_t> affected_rows() const = 0;
};

// A table's version: changes with each commit that touches it and never repeats.
struct TableVersion {
  TableName table;
  uint64_t version = 0;
};

// A key of a query's ORDER BY, by the column of the result.
struct OrderKey {
  size_t column = 0;
  bool descending = false;
  bool nulls_first = true;
};

// What is known of a statement before it runs.
struct StatementFacts {
  std::vector<schema::Column> columns;  // of the result
  std::vector<std::string> parameters;  // names without @, in order of first use
  std::vector<TableName> tables_read;
  std::vector<TableName> tables_written;
  bool deterministic = true;
  bool query = true;           // false: DML, DDL or a script
  std::string statement_type;  // BigQuery's: SELECT, CREATE_TABLE_AS_SELECT, SCRIPT
  // A query's outermost ORDER BY; nullopt when a key is not a column of the result.
  std::optional<std::vector<OrderKey>> order = std::vector<OrderKey>();
};

// Port: the analytics database. Methods block and are safe from any thread; statements are cached
// by text. Errors of GoogleSQL are INVALID_ARGUMENT with "message at [line:column]" as BigQuery
// prints it; NOT_FOUND for missing tables; UNAVAILABLE when the disk refuses.
class Warehouse {
 public:
  virtual ~Warehouse() = default;

  // Commits a function's micro-batch in one transaction; on disk when OK. Not idempotent: the state
  // inside the commit is what prevents doubles.
  // INVALID_ARGUMENT when a row does not fit its table; NOT_FOUND when the table is not there.
  virtual absl::Status Append(const FunctionCommit& commit) = 0;

  // Runs a statement. Reads see the last commit; mutations are serialised with Append.
  virtual absl::StatusOr<std::unique_ptr<ResultStream>> Query(
      const Statement& statement, const std::vector<Parameter>& parameters,
      const QueryLimits& limits) = 0;

  // Parses, resolves and types a statement without running it. `parameter_types` may be empty for
  // parameters whose type the text leaves open.
  virtual absl::StatusOr<StatementFacts> Describe(const Statement& statement,
                                                  const std::vector<Parameter>& parameters) = 0;

  virtual absl::StatusOr<std::vector<TableVersion>> Versions(
      const std::vector<TableName>& tables) const = 0;

  // Every function that ever committed, with its counters.
  virtual absl::StatusOr<std::vector<FunctionRecord>> Functions() const = 0;

  // The table's side of `check`, counted, with the function's record of the same moment. A name
  // without a table counts none.
  virtual absl::StatusOr<FunctionAccount> Account(const std::string& function,
                                                  const TableName& table) const = 0;

  // Dead letters' topic messages not yet known to be published, oldest first.
  virtual absl::StatusOr<std::vector<OutboxEntry>> Outbox(size_t max) const = 0;
  virtual absl::Status RemoveFromOutbox(const std::vector<std::string>& keys) = 0;
};

// One output row of a SQL transform: which message of the batch it came from, and the table's
// values.
struct TransformedRow {
  size_t message_index = 0;
  std::vector<schema::Value> values;
};

// Port: a function's SQL transform, compiled: a row-wise GoogleSQL SELECT over a micro-batch in
// memory
// (`FROM messages`, see docs on the function's contract). One thread at a time.
class BatchSql {
 public:
  virtual ~BatchSql() = default;
  // Rows in message order. An error means some message of the batch failed; the caller bisects.
  // `delivery_attempts[i]` belongs to messages[i].
  virtual absl::StatusOr<std::vector<TransformedRow>> Run(
      const std::vector<const event::Message*>& messages,
      const std::vector<int64_t>& delivery_attempts) = 0;
};

// Compiles `sql` against the target table. INVALID_ARGUMENT with line and column for what the
// contract refuses (aggregates, windows, DISTINCT, LIMIT, set operations, other tables, unknown or
// missing columns).
class BatchSqlCompiler {
 public:
  virtual ~BatchSqlCompiler() = default;
  virtual absl::StatusOr<std::unique_ptr<BatchSql>> Compile(std::string_view sql,
                                                            const TableSchema& target) = 0;
};

}  // namespace afluente::warehouse
