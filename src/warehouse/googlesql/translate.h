#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/catalog.h"
#include "warehouse/table.h"

namespace afluente::warehouse::googlesql {

enum class StatementKind {
  kQuery,
  kInsert,
  kUpdate,
  kDelete,
  kMerge,
  kTruncate,
  kCreateTable,
  kDropTable,
  kAlterTable,
  kCreateSchema,
  kDropSchema,
  kCreateView,
  kDropView,
  kCreateRoutine,
  kDropRoutine,
  kExport,
  kScript,  // several statements, or one of the scripting language: see script.h
};

struct TranslateOptions {
  std::string default_project;
  std::string default_dataset;
  // Types of the parameters, when known (without @); those without a name are positional, in order.
  std::vector<schema::Field> parameter_types;
  // A script's variables; one is bound as the parameter called ":" and its name.
  std::vector<schema::Field> variables = {};
  // nullptr: there are no routines, wildcard tables or INFORMATION_SCHEMA.
  const CatalogListing* listing = nullptr;
  // CREATE TEMP FUNCTION statements of the script so far.
  std::vector<std::shared_ptr<const Routine>> temporary_routines = {};
  // Where names alone find a script's temporary tables; empty when there is none.
  std::string temporary_dataset = {};
};

// A key of a query's ORDER BY that is a column of its result.
struct ResultOrder {
  size_t column = 0;
  bool descending = false;
  bool nulls_first = true;
};

// A GoogleSQL statement as DuckDB SQL.
struct Translation {
  StatementKind kind = StatementKind::kQuery;
  std::string sql;
  // BigQuery's name of the kind: SELECT, CREATE_TABLE_AS_SELECT, SCRIPT.
  std::string statement_type;
  // Parameters in the order of DuckDB's $1, $2, ...; each once. "?1" is the first positional one.
  std::vector<std::string> parameters;
  // Where each is used first, in bytes.
  std::vector<size_t> parameter_offsets;
  std::vector<TableName> tables_read;
  // CREATE SCHEMA and DROP SCHEMA: the dataset, with an empty table name.
  std::vector<TableName> tables_written;
  // False when it calls RAND, GENERATE_UUID, CURRENT_TIMESTAMP and the like.
  bool deterministic = true;
  // A query's outermost ORDER BY, as far as its keys are columns of the result.
  std::vector<ResultOrder> order;
  bool order_is_of_columns = true;  // they all are
  // CREATE TABLE AS and CREATE VIEW: what the engine keeps beside the columns that DuckDB gives.
  std::optional<TableSchema> layout;
  // ALTER TABLE: what the engine keeps afterwards, with the table's new name.
  std::optional<TableSchema> altered;
  // What runs after the table was made.
  std::vector<std::string> then;
  std::optional<Routine> routine;  // CREATE of one
  std::vector<TableName> routines_dropped;
  bool cascade = false;
  // What a statement that makes a table or view answers with: its columns, without rows.
  std::vector<schema::Column> columns;
  // CREATE TABLE without AS: the table to create through the catalog. `sql` is empty then, except
  // under OR REPLACE of a table that exists: it drops that one and runs first. A statement with
  // IF [NOT] EXISTS that has nothing to do leaves both empty.
  std::vector<TableSchema> created;
};

// Translates one statement. Pure. INVALID_ARGUMENT: "Syntax error: ... at [line:column]" (1-based,
// in the user's text) and BigQuery's wording for names that do not resolve; UNIMPLEMENTED names
// what is not supported yet. Every table name is resolved in `catalog` before anything is emitted,
// so DuckDB never sees a name that could be a file or a table function.
absl::StatusOr<Translation> Translate(std::string_view statement, const CatalogView& catalog,
                                      const TranslateOptions& options);

// "[line:column]" of a byte of the statement, both counted from 1, columns in characters.
std::string PlaceOf(std::string_view statement, size_t at);

// Translates a function's SQL transform: one row-wise SELECT with exactly one FROM messages. The
// emitted statement reads the DuckDB relation `source` (columns message_index UBIGINT, data VARCHAR
// as JSON, data_bytes BLOB, attributes JSON, message_id, publish_time TIMESTAMPTZ, ordering_key,
// delivery_attempt BIGINT) and yields message_index first, then the user's columns in order.
struct TransformTranslation {
  std::string sql;
  std::vector<std::string> columns;  // output names, in order, without message_index
};
absl::StatusOr<TransformTranslation> TranslateTransform(std::string_view statement,
                                                        std::string_view source);

}  // namespace afluente::warehouse::googlesql
