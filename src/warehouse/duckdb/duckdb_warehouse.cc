#include "warehouse/duckdb/duckdb_warehouse.h"

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/dead_letter_table.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/commit_log.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/query_stream.h"
#include "warehouse/duckdb/read_pool.h"
#include "warehouse/duckdb/renamed_function.h"
#include "warehouse/duckdb/replaced_messages.h"
#include "warehouse/duckdb/row_chunks.h"
#include "warehouse/duckdb/script_run.h"
#include "warehouse/duckdb/vector_reader.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

absl::Status AppendRows(WriteTransaction& transaction, const FunctionCommit& commit,
                        const TableEntry* made_for, const RowChunks& chunks) {
  std::shared_ptr<const TableEntry> entry = transaction.catalog().Find(commit.table);
  if (entry == nullptr) {
    return absl::NotFoundError(schema::Concat("Not found: Table ", commit.table.ToString()));
  }
  if (entry.get() == made_for) {
    AFLUENTE_RETURN_IF_ERROR(chunks.AppendTo(transaction.session().connection(), commit.table));
  } else {
    // The table changed since the chunks were made.
    AFLUENTE_ASSIGN_OR_RETURN(RowChunks again, RowChunks::Make(entry->schema, commit.rows));
    AFLUENTE_RETURN_IF_ERROR(again.AppendTo(transaction.session().connection(), commit.table));
  }
  transaction.Touch(commit.table);
  if (commit.beside || entry->fed_by == commit.function || !entry->schema.function_fed)
    return absl::OkStatus();
  return transaction.PutTable({entry->schema, commit.function, false, {}});
}

absl::Status AppendDeadLetters(WriteTransaction& transaction, const FunctionCommit& commit) {
  const TableName& name = commit.dead_letter_table;
  std::shared_ptr<const TableEntry> entry = transaction.catalog().Find(name);
  if (entry == nullptr) {
    AFLUENTE_RETURN_IF_ERROR(CreateTableIn(transaction, DeadLetterTable(name)));
    entry = transaction.catalog().Find(name);
  }
  AFLUENTE_ASSIGN_OR_RETURN(RowChunks chunks,
                            RowChunks::Make(entry->schema, DeadLetterRows(commit)));
  transaction.Touch(name);
  return chunks.AppendTo(transaction.session().connection(), name);
}

schema::Type AttributesType() {
  schema::Type text;
  text.kind = schema::TypeKind::kString;
  schema::Type pair;
  pair.kind = schema::TypeKind::kStruct;
  pair.fields = {{"k", text}, {"v", text}};
  schema::Type list;
  list.kind = schema::TypeKind::kArray;
  list.fields = {{"", pair}};
  return list;
}

absl::Status AppendOutbox(WriteTransaction& transaction, const std::vector<OutboxEntry>& outbox) {
  static const schema::Type kAttributes = AttributesType();
  for (const OutboxEntry& entry : outbox) {
    schema::Value::List attributes;
    for (const auto& [key, value] : entry.draft.attributes) {
      attributes.emplace_back(schema::Value::List{schema::Value(key), schema::Value(value)});
    }
    Arguments arguments;
    arguments.push_back(TextArgument(entry.key));
    arguments.push_back(TextArgument(entry.topic));
    arguments.push_back(BytesArgument(entry.draft.data));
    AFLUENTE_ASSIGN_OR_RETURN(ValueHandle list,
                              ToDuckdbValue(kAttributes, schema::Value(std::move(attributes))));
    arguments.push_back(std::move(list));
    arguments.push_back(TextArgument(entry.draft.ordering_key));
    AFLUENTE_RETURN_IF_ERROR(transaction.session().Execute(
        "INSERT INTO afluente_internal.outbox "
        "VALUES (nextval('afluente_internal.outbox_ids'), $1, $2, $3, $4, $5)",
        arguments));
  }
  return absl::OkStatus();
}

// DuckDB names one column so where a parameter's type leaves the statement's open.
bool IsOpen(const Prepared& prepared) {
  return prepared.columns.size() == 1 && prepared.columns[0].name == "unknown";
}

absl::StatusOr<std::vector<schema::Column>> ColumnsWithArguments(
    Session& session, const Statement& statement, const googlesql::Translation& translation,
    const std::vector<Parameter>& parameters) {
  AFLUENTE_ASSIGN_OR_RETURN(const Arguments arguments,
                            BindParameters(statement, translation, parameters));
  AFLUENTE_ASSIGN_OR_RETURN(
      ResultHandle result,
      session.Run(schema::Concat("SELECT * FROM (", translation.sql, ") LIMIT 0"), arguments));
  return ResultColumns(result);
}

absl::Status CountMessages(Session& session, const TableName& table, FunctionAccount& account) {
  AFLUENTE_ASSIGN_OR_RETURN(
      const ColumnBatch counts,
      session.Read(schema::Concat(
          "SELECT count(*), count(*) FILTER (WHERE held > numbers) FROM (SELECT count(*) AS held, "
          "max(_message_row) + 1 AS numbers FROM ",
          TableSql(table), " WHERE _message_id IS NOT NULL GROUP BY _message_id)")));
  account.messages_in_table = counts.columns[0].ints[0];
  account.messages_doubled = counts.columns[1].ints[0];
  return absl::OkStatus();
}

absl::StatusOr<ReadPool::Lease> Reader(Engine& engine) {
  return engine.readers->Acquire(std::chrono::steady_clock::now() + std::chrono::seconds(10));
}

}  // namespace

absl::Status DuckdbWarehouse::Append(const FunctionCommit& commit) {
  if (commit.function.empty()) return absl::InvalidArgumentError("a commit needs its function");
  std::shared_ptr<const TableEntry> entry;
  RowChunks chunks;
  if (!commit.rows.empty()) {
    entry = engine_.live.snapshot()->Find(commit.table);
    if (entry == nullptr) {
      return absl::NotFoundError(schema::Concat("Not found: Table ", commit.table.ToString()));
    }
    AFLUENTE_ASSIGN_OR_RETURN(chunks, RowChunks::Make(entry->schema, commit.rows));
  }
  absl::Status status = engine_.committer->Run([&](WriteTransaction& transaction) -> absl::Status {
    if (!commit.previous_name.empty()) {
      AFLUENTE_RETURN_IF_ERROR(TakeOverFunction(transaction, commit));
    }
    AFLUENTE_ASSIGN_OR_RETURN(const OutcomeCounters taken_back,
                              TakeBackReplaced(transaction, commit));
    transaction.RecordFunction(commit.function, taken_back, std::nullopt);
    if (!commit.rows.empty()) {
      AFLUENTE_RETURN_IF_ERROR(AppendRows(transaction, commit, entry.get(), chunks));
    }
    if (!commit.dead_letters.empty()) {
      AFLUENTE_RETURN_IF_ERROR(AppendDeadLetters(transaction, commit));
    }
    AFLUENTE_RETURN_IF_ERROR(AppendOutbox(transaction, commit.outbox));
    transaction.RecordFunction(commit.function, commit.counters, commit.state);
    return absl::OkStatus();
  });
  engine_.checkpointer->Committed();
  return status;
}

absl::StatusOr<std::unique_ptr<ResultStream>> DuckdbWarehouse::Query(
    const Statement& statement, const std::vector<Parameter>& parameters,
    const QueryLimits& limits) {
  host::MonotonicTime deadline = DeadlineOf(limits);
  std::shared_ptr<const CatalogSnapshot> catalog = engine_.live.snapshot();
  AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const googlesql::Translation> translation,
                            engine_.translations.Translate(statement, parameters, *catalog));
  if (translation->kind == googlesql::StatementKind::kScript) {
    return RunScript(engine_, statement, parameters, deadline, limits);
  }
  if (translation->kind != googlesql::StatementKind::kQuery) {
    return RunMutation(engine_, statement, parameters, limits);
  }
  AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments,
                            BindParameters(statement, *translation, parameters));
  return StartQuery(engine_, *translation, arguments, deadline, limits);
}

absl::StatusOr<StatementFacts> DuckdbWarehouse::Describe(const Statement& statement,
                                                         const std::vector<Parameter>& parameters) {
  std::shared_ptr<const CatalogSnapshot> catalog = engine_.live.snapshot();
  AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const googlesql::Translation> translation,
                            engine_.translations.Translate(statement, parameters, *catalog));
  StatementFacts facts;
  facts.parameters = translation->parameters;
  facts.tables_read = catalog->WithoutViews(translation->tables_read);
  facts.tables_written = translation->tables_written;
  facts.deterministic = translation->deterministic;
  facts.statement_type = translation->statement_type;
  facts.query = translation->kind == googlesql::StatementKind::kQuery;
  for (const googlesql::ResultOrder& key : translation->order) {
    facts.order->push_back({key.column, key.descending, key.nulls_first});
  }
  if (!translation->order_is_of_columns) facts.order.reset();
  if (translation->sql.empty()) return facts;
  AFLUENTE_ASSIGN_OR_RETURN(ReadPool::Lease session, Reader(engine_));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Prepared> prepared,
                            session->PrepareAnew(translation->sql));
  if (!facts.query) {
    facts.columns = translation->columns;
    return facts;
  }
  facts.columns = prepared->columns;
  if (!IsOpen(*prepared)) return facts;
  auto columns = ColumnsWithArguments(*session, statement, *translation, parameters);
  if (columns.ok()) facts.columns = *std::move(columns);
  return facts;
}

absl::StatusOr<std::vector<TableVersion>> DuckdbWarehouse::Versions(
    const std::vector<TableName>& tables) const {
  return engine_.live.Versions(tables);
}

absl::StatusOr<std::vector<FunctionRecord>> DuckdbWarehouse::Functions() const {
  return engine_.live.Functions();
}

absl::StatusOr<FunctionAccount> DuckdbWarehouse::Account(const std::string& function,
                                                         const TableName& table) const {
  std::shared_ptr<const TableEntry> entry;
  if (!table.table.empty()) {
    entry = engine_.live.snapshot()->Find(table);
    // A dropped table's messages are counted as removed.
    if (entry != nullptr && !entry->schema.function_fed) {
      return absl::FailedPreconditionError(
          schema::Concat("no function feeds table ", table.ToString()));
    }
  }
  AFLUENTE_ASSIGN_OR_RETURN(ReadPool::Lease session, Reader(engine_));
  // One transaction: one moment.
  AFLUENTE_RETURN_IF_ERROR(session->Execute("BEGIN TRANSACTION"));
  FunctionAccount account;
  absl::StatusOr<FunctionRecord> record = CommitLog::Find(*session, function);
  absl::Status counted;
  if (record.ok() && entry != nullptr) counted = CountMessages(*session, table, account);
  AFLUENTE_RETURN_IF_ERROR(session->Execute("COMMIT"));
  AFLUENTE_RETURN_IF_ERROR(record.status());
  AFLUENTE_RETURN_IF_ERROR(counted);
  account.record = *std::move(record);
  return account;
}

absl::StatusOr<std::vector<OutboxEntry>> DuckdbWarehouse::Outbox(size_t max) const {
  AFLUENTE_ASSIGN_OR_RETURN(ReadPool::Lease session, Reader(engine_));
  Arguments arguments;
  arguments.push_back(IntegerArgument(static_cast<int64_t>(max)));
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch rows,
                            session->Read("SELECT key, topic, data, attributes, ordering_key "
                                          "FROM afluente_internal.outbox ORDER BY id LIMIT $1",
                                          arguments));
  std::vector<OutboxEntry> entries;
  for (size_t i = 0; i < rows.rows; ++i) {
    OutboxEntry entry;
    entry.key = rows.columns[0].Bytes(i);
    entry.topic = rows.columns[1].Bytes(i);
    entry.draft.data = rows.columns[2].Bytes(i);
    const ColumnVector& pairs = rows.columns[3].children[0];
    for (uint32_t k = rows.columns[3].offsets[i]; k < rows.columns[3].offsets[i + 1]; ++k) {
      entry.draft.attributes.emplace_back(pairs.children[0].Bytes(k), pairs.children[1].Bytes(k));
    }
    entry.draft.ordering_key = rows.columns[4].Bytes(i);
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::Status DuckdbWarehouse::RemoveFromOutbox(const std::vector<std::string>& keys) {
  if (keys.empty()) return absl::OkStatus();
  return engine_.committer->Run([&](WriteTransaction& transaction) -> absl::Status {
    for (const std::string& key : keys) {
      Arguments arguments;
      arguments.push_back(TextArgument(key));
      AFLUENTE_RETURN_IF_ERROR(transaction.session().Execute(
          "DELETE FROM afluente_internal.outbox WHERE key = $1", arguments));
    }
    return absl::OkStatus();
  });
}

}  // namespace afluente::warehouse::duckdb
