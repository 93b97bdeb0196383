#include "warehouse/duckdb/mutation.h"

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/cancellation.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/alter_table.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/key_index.h"
#include "warehouse/duckdb/query_stream.h"

namespace afluente::warehouse::duckdb {
namespace {

using googlesql::StatementKind;
using googlesql::Translation;

// What a mutation answers: no rows.
class NoRows final : public ResultStream {
 public:
  NoRows(std::optional<int64_t> affected_rows, std::vector<schema::Column> columns)
      : columns_(std::move(columns)), affected_rows_(affected_rows) {}
  const std::vector<schema::Column>& columns() const override { return columns_; }
  absl::StatusOr<ColumnBatch> Next() override { return ColumnBatch(); }
  std::optional<int64_t> affected_rows() const override { return affected_rows_; }

 private:
  const std::vector<schema::Column> columns_;
  const std::optional<int64_t> affected_rows_;
};

bool IsDml(StatementKind kind) {
  return kind == StatementKind::kInsert || kind == StatementKind::kUpdate ||
         kind == StatementKind::kDelete || kind == StatementKind::kMerge ||
         kind == StatementKind::kTruncate;
}

// The function-fed table that a statement may remove messages from; nullptr when none.
std::shared_ptr<const TableEntry> LosesMessages(const CatalogSnapshot& catalog,
                                                const Translation& translation) {
  if (!IsDml(translation.kind) || translation.kind == StatementKind::kInsert) return nullptr;
  if (translation.tables_written.empty()) return nullptr;
  // An UPDATE removes a message only by writing over its id.
  if (translation.kind == StatementKind::kUpdate &&
      schema::Lowercase(translation.sql).find("_message_id") == std::string::npos) {
    return nullptr;
  }
  std::shared_ptr<const TableEntry> entry = catalog.Find(translation.tables_written[0]);
  if (entry == nullptr || !entry->schema.function_fed || entry->fed_by.empty()) return nullptr;
  return entry;
}

absl::StatusOr<int64_t> RunDml(WriteTransaction& transaction, const Translation& translation,
                               const Arguments& arguments) {
  std::shared_ptr<const TableEntry> fed = LosesMessages(transaction.catalog(), translation);
  int64_t before = 0;
  if (fed != nullptr) {
    AFLUENTE_ASSIGN_OR_RETURN(before, CountMessagesIn(transaction.session(), fed->schema.name));
  }
  AFLUENTE_ASSIGN_OR_RETURN(ResultHandle result,
                            transaction.session().Run(translation.sql, arguments));
  int64_t affected = static_cast<int64_t>(duckdb_rows_changed(result.get()));
  for (const TableName& table : translation.tables_written) transaction.Touch(table);
  if (fed == nullptr) return affected;
  OutcomeCounters removed;
  AFLUENTE_ASSIGN_OR_RETURN(int64_t after,
                            CountMessagesIn(transaction.session(), fed->schema.name));
  removed.removed = before - after;
  if (removed.removed == 0) return affected;
  transaction.RecordFunction(fed->fed_by, removed, std::nullopt);
  return affected;
}

// The columns that DuckDB gives a table, with what BigQuery knows of those it had before.
absl::StatusOr<TableSchema> StoredSchema(WriteTransaction& transaction, const TableName& name,
                                         const TableEntry* known) {
  AFLUENTE_ASSIGN_OR_RETURN(
      std::unique_ptr<Prepared> prepared,
      transaction.session().PrepareAnew(schema::Concat("SELECT * FROM ", TableSql(name))));
  TableSchema schema;
  if (known != nullptr) schema = known->schema;
  std::vector<schema::Column> before = std::move(schema.columns);
  schema.name = name;
  schema.columns = prepared->columns;
  for (schema::Column& column : schema.columns) {
    for (const schema::Column& old : before) {
      if (old.name == column.name) column = {old.name, column.type, old.mode, old.description};
    }
  }
  return schema;
}

Dataset NewDataset(const TableName& name) {
  Dataset dataset;
  dataset.project = name.project;
  dataset.dataset = name.dataset;
  return dataset;
}

// What BigQuery knows of a table that DuckDB made from a query.
void ApplyLayout(const TableSchema& layout, TableSchema* schema) {
  schema->partitioning = layout.partitioning;
  schema->clustering = layout.clustering;
  schema->description = layout.description;
  schema->kind = layout.kind;
  schema->view_query = layout.view_query;
  if (layout.properties) schema->properties = layout.properties;
  std::erase_if(schema->columns, [&](const schema::Column& column) {
    return IngestionPartitioned(*schema) && column.name == kPartitionTime;
  });
  for (schema::Column& column : schema->columns) {
    for (const schema::Column& wanted : layout.columns) {
      if (!schema::EqualsIgnoreCase(wanted.name, column.name)) continue;
      column.mode = wanted.mode;
      column.description = wanted.description;
      column.type = wanted.type;
    }
  }
}

absl::Status RequireColumns(Session& session, const TableSchema& schema) {
  for (const schema::Column& column : schema.columns) {
    if (column.mode != schema::Mode::kRequired) continue;
    AFLUENTE_RETURN_IF_ERROR(
        session.Execute(schema::Concat("ALTER TABLE ", TableSql(schema.name), " ALTER COLUMN ",
                                       QuoteIdentifier(column.name), " SET NOT NULL")));
  }
  return absl::OkStatus();
}

absl::Status RunCreateTable(WriteTransaction& transaction, const Translation& translation,
                            const Arguments& arguments) {
  Session& session = transaction.session();
  for (const TableSchema& table : translation.created) {
    // The translator lets an existing name through for OR REPLACE alone.
    if (transaction.catalog().Find(table.name) != nullptr) {
      AFLUENTE_RETURN_IF_ERROR(DropTableIn(transaction, table.name));
    }
    AFLUENTE_RETURN_IF_ERROR(CreateTableIn(transaction, table));
  }
  bool from_query = translation.created.empty() && !translation.sql.empty();
  if (from_query) {
    for (const TableName& name : translation.tables_written) {
      std::shared_ptr<const TableEntry> replaced = transaction.catalog().Find(name);
      if (replaced == nullptr) continue;
      AFLUENTE_RETURN_IF_ERROR(CountRemovedIn(transaction, *replaced));
      // DuckDB replaces a table by a table only.
      bool view = translation.kind == StatementKind::kCreateView;
      if (replaced->view != view) AFLUENTE_RETURN_IF_ERROR(DropTableIn(transaction, name));
    }
    AFLUENTE_RETURN_IF_ERROR(session.Execute(translation.sql, arguments));
  }
  for (const std::string& statement : translation.then) {
    AFLUENTE_RETURN_IF_ERROR(session.Execute(statement));
  }
  if (!from_query) return absl::OkStatus();
  bool view = translation.kind == StatementKind::kCreateView;
  for (const TableName& name : translation.tables_written) {
    AFLUENTE_ASSIGN_OR_RETURN(TableSchema schema, StoredSchema(transaction, name, nullptr));
    if (translation.layout) ApplyLayout(*translation.layout, &schema);
    AFLUENTE_RETURN_IF_ERROR(CheckTable(schema));
    if (!view) {
      AFLUENTE_RETURN_IF_ERROR(RequireColumns(session, schema));
      AFLUENTE_RETURN_IF_ERROR(CreateKeyIndex(session, schema));
    }
    AFLUENTE_RETURN_IF_ERROR(transaction.PutTable(
        {std::move(schema), "", view, view ? translation.tables_read : std::vector<TableName>()}));
  }
  return absl::OkStatus();
}

absl::Status RunAlterTable(WriteTransaction& transaction, const Translation& translation) {
  if (!translation.altered) return absl::OkStatus();
  Session& session = transaction.session();
  const TableName& name = translation.tables_written[0];
  std::shared_ptr<const TableEntry> known = transaction.catalog().Find(name);
  if (known == nullptr)
    return absl::NotFoundError(schema::Concat("Not found: Table ", name.ToString()));
  if (!known->view) AFLUENTE_RETURN_IF_ERROR(DropKeyIndex(session, known->schema));
  for (const std::string& statement : translation.then) {
    AFLUENTE_RETURN_IF_ERROR(session.Execute(statement));
  }
  TableEntry altered = *known;
  altered.schema = *translation.altered;
  if (altered.schema.name != name) {
    if (known->view) return absl::InvalidArgumentError("a view cannot be renamed");
    AFLUENTE_RETURN_IF_ERROR(transaction.RemoveTable(name));
  }
  if (!altered.view) AFLUENTE_RETURN_IF_ERROR(CreateKeyIndex(session, altered.schema));
  return transaction.PutTable(std::move(altered));
}

absl::Status RunRoutine(WriteTransaction& transaction, const Translation& translation) {
  for (const TableName& name : translation.routines_dropped) {
    AFLUENTE_RETURN_IF_ERROR(transaction.RemoveRoutine(name));
  }
  if (!translation.routine) return absl::OkStatus();
  if (translation.routine->name.dataset.empty()) {
    return absl::InvalidArgumentError(
        "CREATE TEMP FUNCTION needs a statement after it, in the same script");
  }
  Routine routine = *translation.routine;
  routine.created_micros = absl::ToUnixMicros(absl::Now());
  return transaction.PutRoutine(std::move(routine));
}

absl::StatusOr<std::optional<int64_t>> RunKind(WriteTransaction& transaction,
                                               const Translation& translation,
                                               const Arguments& arguments) {
  switch (translation.kind) {
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
    case StatementKind::kMerge:
    case StatementKind::kTruncate: {
      AFLUENTE_ASSIGN_OR_RETURN(int64_t affected, RunDml(transaction, translation, arguments));
      return std::optional<int64_t>(affected);
    }
    case StatementKind::kCreateTable:
    case StatementKind::kCreateView:
      AFLUENTE_RETURN_IF_ERROR(RunCreateTable(transaction, translation, arguments));
      return std::nullopt;
    case StatementKind::kAlterTable:
      AFLUENTE_RETURN_IF_ERROR(RunAlterTable(transaction, translation));
      return std::nullopt;
    case StatementKind::kDropTable:
    case StatementKind::kDropView:
      for (const TableName& name : translation.tables_written) {
        AFLUENTE_RETURN_IF_ERROR(DropTableIn(transaction, name));
      }
      return std::nullopt;
    case StatementKind::kCreateSchema:
      for (const TableName& name : translation.tables_written) {
        AFLUENTE_RETURN_IF_ERROR(CreateDatasetIn(transaction, NewDataset(name)));
      }
      return std::nullopt;
    case StatementKind::kDropSchema:
      for (const TableName& name : translation.tables_written) {
        AFLUENTE_RETURN_IF_ERROR(
            DropDatasetIn(transaction, name.project, name.dataset, translation.cascade));
      }
      return std::nullopt;
    case StatementKind::kCreateRoutine:
    case StatementKind::kDropRoutine:
      AFLUENTE_RETURN_IF_ERROR(RunRoutine(transaction, translation));
      return std::nullopt;
    case StatementKind::kScript:
      return absl::InvalidArgumentError("One statement is expected here, not a script");
    case StatementKind::kQuery:
    case StatementKind::kExport:
      break;
  }
  return absl::InternalError("a query is no mutation");
}

}  // namespace

absl::StatusOr<std::optional<int64_t>> MutateIn(WriteTransaction& transaction,
                                                const Translation& translation,
                                                const Arguments& arguments) {
  return RunKind(transaction, translation, arguments);
}

std::unique_ptr<ResultStream> MutationOutcome(std::optional<int64_t> affected_rows,
                                              std::vector<schema::Column> columns) {
  return std::make_unique<NoRows>(affected_rows, std::move(columns));
}

// The columns of what was made, as BigQuery's answer to CREATE has them.
static std::vector<schema::Column> CreatedColumns(const WriteTransaction& transaction,
                                                  const Translation& translation) {
  if (!translation.columns.empty()) return translation.columns;
  bool creates = translation.kind == StatementKind::kCreateTable ||
                 translation.kind == StatementKind::kCreateView;
  if (!creates || translation.tables_written.empty()) return {};
  std::shared_ptr<const TableEntry> entry =
      transaction.catalog().Find(translation.tables_written[0]);
  return entry == nullptr ? std::vector<schema::Column>() : entry->schema.columns;
}

absl::Status RunViewIn(Engine& engine, WriteTransaction& transaction, const TableSchema& view,
                       bool replace) {
  const TableName& name = view.name;
  const Statement statement{
      schema::Concat(replace ? "CREATE OR REPLACE VIEW `" : "CREATE VIEW `", name.project, ".",
                     name.dataset, ".", name.table, "` AS ", view.view_query),
      name.project, ""};
  AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const Translation> translation,
                            engine.translations.Translate(statement, {}, transaction.catalog()));
  AFLUENTE_RETURN_IF_ERROR(RunKind(transaction, *translation, {}).status());
  TableEntry entry = *transaction.catalog().Find(name);
  entry.schema.view_query = view.view_query;
  entry.schema.description = view.description;
  entry.schema.properties = view.properties;
  entry.schema.created_ms = view.created_ms;
  for (schema::Column& column : entry.schema.columns) {
    for (const schema::Column& described : view.columns) {
      if (described.name == column.name) column.description = described.description;
    }
  }
  return transaction.PutTable(std::move(entry));
}

absl::StatusOr<std::unique_ptr<ResultStream>> RunMutation(Engine& engine,
                                                          const Statement& statement,
                                                          const std::vector<Parameter>& parameters,
                                                          const QueryLimits& limits,
                                                          const RecordsOf& records) {
  const host::MonotonicTime deadline = DeadlineOf(limits);
  std::optional<int64_t> affected;
  std::vector<schema::Column> columns;
  absl::Status status = engine.committer->Run([&](WriteTransaction& transaction) -> absl::Status {
    // Translated against what this transaction sees: the catalog may have changed while we waited.
    AFLUENTE_ASSIGN_OR_RETURN(
        std::shared_ptr<const Translation> translation,
        engine.translations.Translate(statement, parameters, transaction.catalog()));
    AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments,
                              BindParameters(statement, *translation, parameters));
    AFLUENTE_ASSIGN_OR_RETURN(uint64_t watch,
                              engine.timer.Add(engine.committer->connection(), deadline));
    if (limits.cancellation != nullptr) {
      limits.cancellation->OnCancel([&timer = engine.timer, watch] { timer.Cancel(watch); });
    }
    auto outcome = RunKind(transaction, *translation, arguments);
    QueryTimer::Outcome ended = engine.timer.Remove(watch);
    if (outcome.ok()) affected = *outcome;
    if (outcome.ok()) columns = CreatedColumns(transaction, *translation);
    if (outcome.ok() && records) {
      for (RecordChange& change : records(affected)) transaction.PutRecord(std::move(change));
    }
    return Explain(outcome.status(), ended);
  });
  engine.checkpointer->Committed();
  if (!status.ok()) return status;
  return MutationOutcome(affected, std::move(columns));
}

}  // namespace afluente::warehouse::duckdb
