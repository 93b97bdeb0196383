#include "warehouse/duckdb/duckdb_table_writer.h"

#include <utility>

#include "host/cancellation.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/alter_table.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/query_stream.h"
#include "warehouse/duckdb/read_pool.h"
#include "warehouse/duckdb/replaced_keys.h"
#include "warehouse/duckdb/row_chunks.h"

namespace afluente::warehouse::duckdb {
namespace {

std::string Literal(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

absl::StatusOr<std::string> StagedFile(const Engine& engine, const std::string& file) {
  if (file.empty() || file.find('/') != std::string::npos || file.starts_with('.')) {
    return absl::InvalidArgumentError("a staged file is named without a directory");
  }
  return schema::Concat("read_parquet(", Literal(engine.staging + "/" + file), ")");
}

absl::Status Ensure(WriteTransaction& transaction, const TableEntry& stored, TableSchema wanted) {
  wanted.function_fed = stored.schema.function_fed;
  AddMessageColumns(wanted);
  AFLUENTE_RETURN_IF_ERROR(CheckTable(wanted));
  return AlterTableIn(transaction, stored, wanted);
}

absl::Status Define(Engine& engine, WriteTransaction& transaction,
                    const TableDefinition& definition) {
  const TableSchema& table = definition.table;
  std::shared_ptr<const TableEntry> stored = transaction.catalog().Find(table.name);
  if (!table.view_query.empty() && stored == nullptr) {
    return RunViewIn(engine, transaction, table, false);
  }
  if (!table.view_query.empty() && definition.mode != TableDefinition::Mode::kCreate) {
    if (!stored->view) {
      return absl::FailedPreconditionError(
          schema::Concat(table.name.ToString(), " is a table, not a view"));
    }
    TableSchema view = table;
    view.created_ms = stored->schema.created_ms;
    if (!view.properties) view.properties = stored->schema.properties;
    return RunViewIn(engine, transaction, view, true);
  }
  if (stored == nullptr) return CreateTableIn(transaction, table);
  if (stored->view && definition.mode != TableDefinition::Mode::kCreate) {
    return absl::FailedPreconditionError(
        schema::Concat(table.name.ToString(), " is a view, not a table"));
  }
  switch (definition.mode) {
    case TableDefinition::Mode::kCreate:
      return absl::AlreadyExistsError(
          schema::Concat("Already Exists: Table ", table.name.ToString()));
    case TableDefinition::Mode::kEnsure:
      return Ensure(transaction, *stored, table);
    case TableDefinition::Mode::kReplace:
      AFLUENTE_RETURN_IF_ERROR(DropTableIn(transaction, table.name));
      return CreateTableIn(transaction, table);
  }
  AFLUENTE_CHECK(false);
}

// "INSERT INTO t (...) SELECT ... FROM (sql)": the columns of `sql`, by name.
absl::StatusOr<int64_t> InsertSelected(WriteTransaction& transaction, const TableSchema& table,
                                       const std::string& sql, const Arguments& arguments) {
  AFLUENTE_ASSIGN_OR_RETURN(
      std::unique_ptr<Prepared> described,
      transaction.session().PrepareAnew(schema::Concat("SELECT * FROM ", sql)));
  std::string names;
  std::string values;
  for (const schema::Column& given : described->columns) {
    const schema::Column* column = nullptr;
    for (const schema::Column& each : table.columns) {
      if (schema::EqualsIgnoreCase(each.name, given.name)) column = &each;
    }
    if (column == nullptr) {
      return absl::InvalidArgumentError(
          schema::Concat("Provided Schema does not match Table ", table.name.ToString(),
                         ". Cannot add fields (field: ", given.name, ")"));
    }
    names += schema::Concat(names.empty() ? "" : ", ", QuoteIdentifier(column->name));
    values += schema::Concat(values.empty() ? "" : ", ", "CAST(", QuoteIdentifier(given.name),
                             " AS ", SqlType(column->type), ")");
  }
  AFLUENTE_ASSIGN_OR_RETURN(
      ResultHandle result,
      transaction.session().Run(schema::Concat("INSERT INTO ", TableSql(table.name), " (", names,
                                               ") SELECT ", values, " FROM ", sql),
                                arguments));
  return static_cast<int64_t>(duckdb_rows_changed(result.get()));
}

absl::Status AppendStored(WriteTransaction& transaction, const TableSchema& table,
                          const std::vector<StoredRow>& rows, int64_t& stored) {
  if (rows.empty()) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(RowChunks chunks, RowChunks::Make(table, rows));
  stored += static_cast<int64_t>(rows.size());
  return chunks.AppendTo(transaction.session().connection(), table.name);
}

absl::Status AppendSource(WriteTransaction& transaction, const TableSchema& table,
                          RowSource& source, int64_t& stored) {
  AFLUENTE_RETURN_IF_ERROR(source.Rewind());
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<StoredRow> rows, source.Next());
    if (rows.empty()) return absl::OkStatus();
    AFLUENTE_RETURN_IF_ERROR(AppendStored(transaction, table, rows, stored));
  }
}

absl::StatusOr<int64_t> AppendQuery(Engine& engine, WriteTransaction& transaction,
                                    const TableSchema& table, const SourceQuery& query) {
  AFLUENTE_ASSIGN_OR_RETURN(
      std::shared_ptr<const googlesql::Translation> translation,
      engine.translations.Translate(query.statement, query.parameters, transaction.catalog()));
  if (translation->kind != googlesql::StatementKind::kQuery) {
    return absl::InvalidArgumentError("Only a query has rows for a table");
  }
  AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments,
                            BindParameters(query.statement, *translation, query.parameters));
  return InsertSelected(transaction, table, schema::Concat("(", translation->sql, ")"), arguments);
}

absl::StatusOr<int64_t> StoreRows(Engine& engine, WriteTransaction& transaction,
                                  const TableRows& rows) {
  std::shared_ptr<const TableEntry> entry = transaction.catalog().Find(rows.table);
  if (entry == nullptr) {
    return absl::NotFoundError(schema::Concat("Not found: Table ", rows.table.ToString()));
  }
  if (entry->view) {
    return absl::InvalidArgumentError(
        schema::Concat(rows.table.ToString(), " is a view: it takes no rows"));
  }
  const TableSchema& table = entry->schema;
  if (rows.truncate) {
    AFLUENTE_RETURN_IF_ERROR(CountRemovedIn(transaction, *entry));
    AFLUENTE_RETURN_IF_ERROR(
        transaction.session().Execute(schema::Concat("DELETE FROM ", TableSql(table.name))));
  }
  if (rows.must_be_empty) {
    AFLUENTE_ASSIGN_OR_RETURN(
        ColumnBatch any, transaction.session().Read(
                             schema::Concat("SELECT 1 FROM ", TableSql(table.name), " LIMIT 1")));
    if (any.rows > 0) {
      return absl::AlreadyExistsError(schema::Concat("Already Exists: Table ", table.name.project,
                                                     ":", table.name.dataset, ".",
                                                     table.name.table));
    }
  }
  AFLUENTE_RETURN_IF_ERROR(RemoveKeys(transaction, table, rows.key_columns, rows.keys));
  int64_t stored = 0;
  AFLUENTE_RETURN_IF_ERROR(AppendStored(transaction, table, rows.rows, stored));
  if (rows.source != nullptr) {
    AFLUENTE_RETURN_IF_ERROR(AppendSource(transaction, table, *rows.source, stored));
  }
  if (!rows.parquet_file.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(std::string file, StagedFile(engine, rows.parquet_file));
    AFLUENTE_ASSIGN_OR_RETURN(int64_t more, InsertSelected(transaction, table, file, {}));
    stored += more;
  }
  if (rows.query) {
    AFLUENTE_ASSIGN_OR_RETURN(int64_t more, AppendQuery(engine, transaction, table, *rows.query));
    stored += more;
  }
  transaction.Touch(table.name);
  return stored;
}

// Statements and files may take long, so that the timer watches them as it does queries.
absl::StatusOr<std::vector<int64_t>> StoreAll(Engine& engine, WriteTransaction& transaction,
                                              const TableCommit& commit) {
  std::vector<int64_t> stored;
  for (const TableDefinition& definition : commit.definitions) {
    AFLUENTE_RETURN_IF_ERROR(Define(engine, transaction, definition));
  }
  for (const TableRows& rows : commit.tables) {
    AFLUENTE_ASSIGN_OR_RETURN(int64_t count, StoreRows(engine, transaction, rows));
    stored.push_back(count);
  }
  for (const RecordChange& change : commit.records) transaction.PutRecord(change);
  return stored;
}

bool TakesLong(const TableCommit& commit) {
  for (const TableRows& rows : commit.tables) {
    if (rows.query || !rows.parquet_file.empty()) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> DuckdbTableWriter::Commit(TableCommit commit) {
  std::vector<int64_t> stored;
  const host::MonotonicTime deadline = DeadlineOf(commit.limits);
  absl::Status status = engine_.committer->Run([&](WriteTransaction& transaction) -> absl::Status {
    if (!TakesLong(commit)) {
      AFLUENTE_ASSIGN_OR_RETURN(stored, StoreAll(engine_, transaction, commit));
      return absl::OkStatus();
    }
    AFLUENTE_ASSIGN_OR_RETURN(uint64_t watch,
                              engine_.timer.Add(engine_.committer->connection(), deadline));
    if (commit.limits.cancellation != nullptr) {
      commit.limits.cancellation->OnCancel(
          [&timer = engine_.timer, watch] { timer.Cancel(watch); });
    }
    auto outcome = StoreAll(engine_, transaction, commit);
    QueryTimer::Outcome ended = engine_.timer.Remove(watch);
    if (outcome.ok()) stored = *std::move(outcome);
    return Explain(outcome.status(), ended);
  });
  engine_.checkpointer->Committed();
  if (!status.ok()) return status;
  return stored;
}

absl::StatusOr<std::unique_ptr<ResultStream>> DuckdbTableWriter::Run(
    const Statement& statement, const std::vector<Parameter>& parameters, const QueryLimits& limits,
    const RecordsOf& records) {
  return RunMutation(engine_, statement, parameters, limits, records);
}

absl::StatusOr<std::vector<DurableRecord>> DuckdbTableWriter::Records(
    std::string_view space) const {
  AFLUENTE_ASSIGN_OR_RETURN(
      ReadPool::Lease session,
      engine_.readers->Acquire(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  return RecordLog::Read(*session, space);
}

const std::string& DuckdbTableWriter::staging_directory() const { return engine_.staging; }

absl::StatusOr<std::vector<schema::Column>> DuckdbTableWriter::ParquetColumns(
    const std::string& file) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::string relation, StagedFile(engine_, file));
  AFLUENTE_ASSIGN_OR_RETURN(
      ReadPool::Lease session,
      engine_.readers->Acquire(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  auto prepared = session->PrepareAnew(schema::Concat("SELECT * FROM ", relation));
  if (!prepared.ok()) {
    return absl::InvalidArgumentError("Input file is not in Parquet format.");
  }
  return (*prepared)->columns;
}

absl::StatusOr<int64_t> DuckdbTableWriter::ParquetRows(const std::string& file) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::string relation, StagedFile(engine_, file));
  AFLUENTE_ASSIGN_OR_RETURN(
      ReadPool::Lease session,
      engine_.readers->Acquire(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  const std::string sql = schema::Concat("SELECT count(*) FROM ", relation);
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch count, session->Read(sql));
  session->Forget(sql);
  return count.columns[0].ints[0];
}

}  // namespace afluente::warehouse::duckdb
