#include <chrono>

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
#include "warehouse/googlesql/view_query.h"

namespace afluente::warehouse::duckdb {
namespace {

using googlesql::StatementKind;
using googlesql::Translation;

// What a mutation answers: no rows.
class MutationOutcome final : public ResultStream {
 public:
  explicit MutationOutcome(std::optional<int64_t> affected_rows) : affected_rows_(affected_rows) {}
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

absl::Status RunCreateTable(WriteTransaction& transaction, const std::string& text,
                            const Translation& translation, const Arguments& arguments) {
  for (const TableSchema& table : translation.created) {
    // The translator lets an existing name through for OR REPLACE alone.
    if (transaction.catalog().Find(table.name) != nullptr) {
      AFLUENTE_RETURN_IF_ERROR(DropTableIn(transaction, table.name));
    }
    AFLUENTE_RETURN_IF_ERROR(CreateTableIn(transaction, table));
  }
  if (!translation.created.empty() || translation.sql.empty()) return absl::OkStatus();
  for (const TableName& name : translation.tables_written) {
    std::shared_ptr<const TableEntry> replaced = transaction.catalog().Find(name);
    if (replaced != nullptr) AFLUENTE_RETURN_IF_ERROR(CountRemovedIn(transaction, *replaced));
  }
  AFLUENTE_RETURN_IF_ERROR(transaction.session().Execute(translation.sql, arguments));
  bool view = translation.kind == StatementKind::kCreateView;
  for (const TableName& name : translation.tables_written) {
    AFLUENTE_ASSIGN_OR_RETURN(TableSchema schema, StoredSchema(transaction, name, nullptr));
    AFLUENTE_RETURN_IF_ERROR(CheckTable(schema));
    if (view) schema.view_query = googlesql::ViewQuery(text);
    AFLUENTE_RETURN_IF_ERROR(transaction.PutTable(
        {std::move(schema), "", view, view ? translation.tables_read : std::vector<TableName>()}));
  }
  return absl::OkStatus();
}

absl::Status RunAlterTable(WriteTransaction& transaction, const Translation& translation) {
  Session& session = transaction.session();
  for (const TableName& name : translation.tables_written) {
    std::shared_ptr<const TableEntry> known = transaction.catalog().Find(name);
    if (known != nullptr) AFLUENTE_RETURN_IF_ERROR(DropKeyIndex(session, known->schema));
  }
  AFLUENTE_RETURN_IF_ERROR(session.Execute(translation.sql));
  for (const TableName& name : translation.tables_written) {
    std::shared_ptr<const TableEntry> known = transaction.catalog().Find(name);
    AFLUENTE_ASSIGN_OR_RETURN(TableSchema schema, StoredSchema(transaction, name, known.get()));
    AFLUENTE_RETURN_IF_ERROR(CreateKeyIndex(session, schema));
    AFLUENTE_RETURN_IF_ERROR(transaction.PutTable(
        {std::move(schema), known == nullptr ? "" : known->fed_by, false, {}}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> RunKind(WriteTransaction& transaction,
                                               const std::string& text,
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
      AFLUENTE_RETURN_IF_ERROR(RunCreateTable(transaction, text, translation, arguments));
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
        AFLUENTE_RETURN_IF_ERROR(DropDatasetIn(transaction, name.project, name.dataset,
                                               translation.sql.ends_with(" CASCADE")));
      }
      return std::nullopt;
    case StatementKind::kQuery:
      break;
  }
  return absl::InternalError("a query is no mutation");
}

}  // namespace

absl::Status RunViewIn(Engine& engine, WriteTransaction& transaction, const TableSchema& view,
                       bool replace) {
  const TableName& name = view.name;
  const Statement statement{
      schema::Concat(replace ? "CREATE OR REPLACE VIEW `" : "CREATE VIEW `", name.project, ".",
                     name.dataset, ".", name.table, "` AS ", view.view_query),
      name.project, ""};
  AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const Translation> translation,
                            engine.translations.Translate(statement, {}, transaction.catalog()));
  AFLUENTE_RETURN_IF_ERROR(RunKind(transaction, statement.text, *translation, {}).status());
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
    auto outcome = RunKind(transaction, statement.text, *translation, arguments);
    QueryTimer::Outcome ended = engine.timer.Remove(watch);
    if (outcome.ok()) affected = *outcome;
    if (outcome.ok() && records) {
      for (RecordChange& change : records(affected)) transaction.PutRecord(std::move(change));
    }
    return Explain(outcome.status(), ended);
  });
  engine.checkpointer->Committed();
  if (!status.ok()) return status;
  return std::make_unique<MutationOutcome>(affected);
}

}  // namespace afluente::warehouse::duckdb
