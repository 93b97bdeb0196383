#include "warehouse/duckdb/committer.h"

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/schema_json.h"

namespace afluente::warehouse::duckdb {
namespace {

Arguments NameArguments(const TableName& name) {
  Arguments arguments;
  arguments.push_back(TextArgument(name.project));
  arguments.push_back(TextArgument(name.dataset));
  arguments.push_back(TextArgument(name.table));
  return arguments;
}

std::string ColumnsSql(const TableSchema& schema) {
  std::string sql;
  for (const schema::Column& column : schema.columns) {
    sql += schema::Concat(sql.empty() ? "" : ", ", QuoteIdentifier(column.name), " ",
                          SqlType(column.type),
                          column.mode == schema::Mode::kRequired ? " NOT NULL" : "");
  }
  return sql;
}

}  // namespace

CatalogSnapshot& WriteTransaction::Edit() {
  if (edited_ == nullptr) {
    edited_ = std::make_shared<CatalogSnapshot>(*current_);
    ++edited_->generation;
  }
  return *edited_;
}

absl::Status WriteTransaction::CreateDataset(std::string_view project, std::string_view dataset) {
  AFLUENTE_RETURN_IF_ERROR(
      session_.Execute(schema::Concat("CREATE SCHEMA ", DatasetSql(project, dataset))));
  Arguments arguments;
  arguments.push_back(TextArgument(project));
  arguments.push_back(TextArgument(dataset));
  AFLUENTE_RETURN_IF_ERROR(
      session_.Execute("INSERT INTO afluente_internal.datasets VALUES ($1, $2)", arguments));
  Edit().datasets.emplace(project, dataset);
  return absl::OkStatus();
}

absl::Status WriteTransaction::DropDataset(std::string_view project, std::string_view dataset) {
  AFLUENTE_RETURN_IF_ERROR(
      session_.Execute(schema::Concat("DROP SCHEMA ", DatasetSql(project, dataset))));
  Arguments arguments;
  arguments.push_back(TextArgument(project));
  arguments.push_back(TextArgument(dataset));
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      "DELETE FROM afluente_internal.datasets WHERE project = $1 AND dataset = $2", arguments));
  Edit().datasets.erase(std::pair(std::string(project), std::string(dataset)));
  return absl::OkStatus();
}

absl::Status WriteTransaction::PutTable(TableEntry entry) {
  TableName name = entry.schema.name;
  Arguments arguments = NameArguments(name);
  arguments.push_back(TextArgument(EntryToJson(entry)));
  arguments.push_back(TextArgument(entry.fed_by));
  if (catalog().Find(name) == nullptr) {
    AFLUENTE_RETURN_IF_ERROR(session_.Execute(
        "INSERT INTO afluente_internal.tables VALUES ($1, $2, $3, $4, $5, 0)", arguments));
  } else {
    AFLUENTE_RETURN_IF_ERROR(
        session_.Execute("UPDATE afluente_internal.tables SET definition = $4, fed_by = $5 "
                         "WHERE project = $1 AND dataset = $2 AND name = $3",
                         arguments));
  }
  Edit().tables[name] = std::make_shared<TableEntry>(std::move(entry));
  Touch(name);
  return absl::OkStatus();
}

absl::Status WriteTransaction::RemoveTable(const TableName& name) {
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      "DELETE FROM afluente_internal.tables WHERE project = $1 AND dataset = $2 AND name = $3",
      NameArguments(name)));
  // The version that a dropped table had must not come back with its successor.
  Edit().tables.erase(name);
  touched_.insert(name);
  return absl::OkStatus();
}

absl::Status WriteTransaction::CreateTable(const TableSchema& schema) {
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      schema::Concat("CREATE TABLE ", TableSql(schema.name), " (", ColumnsSql(schema), ")")));
  return PutTable({schema, "", false, {}});
}

absl::Status WriteTransaction::RecordFunction(std::string_view function,
                                              const OutcomeCounters& delta,
                                              const std::optional<std::string>& state) {
  Arguments arguments;
  arguments.push_back(TextArgument(function));
  for (int64_t count : {delta.stored, delta.dropped, delta.dead_lettered, delta.self_stored,
                        delta.removed, delta.rows}) {
    arguments.push_back(IntegerArgument(count));
  }
  std::string sql =
      "UPDATE afluente_internal.functions SET stored = stored + $2, dropped = dropped + $3, "
      "dead_lettered = dead_lettered + $4, self_stored = self_stored + $5, "
      "removed = removed + $6, row_count = row_count + $7";
  if (state) {
    sql += ", state = $8";
    arguments.push_back(BytesArgument(*state));
  }
  sql += " WHERE function = $1";
  AFLUENTE_ASSIGN_OR_RETURN(ResultHandle result, session_.Run(sql, arguments));
  if (duckdb_rows_changed(result.get()) == 1) return absl::OkStatus();
  if (!state) arguments.push_back(BytesArgument(""));
  return session_.Execute(
      "INSERT INTO afluente_internal.functions VALUES ($1, $8, $2, $3, $4, $5, $6, $7)", arguments);
}

Committer::Committer(std::unique_ptr<Session> session, LiveCatalog& catalog, uint64_t version_last)
    : session_(std::move(session)),
      connection_(session_->connection()),
      catalog_(catalog),
      version_last_(version_last) {}

absl::Status Committer::Run(absl::FunctionRef<absl::Status(WriteTransaction&)> work) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = RunOnce(work);
  // Only a checkpoint can conflict with the one writer; its conflict passes.
  for (int again = 0; again < 3 && absl::IsAborted(status); ++again) status = RunOnce(work);
  return status;
}

absl::Status Committer::RunOnce(absl::FunctionRef<absl::Status(WriteTransaction&)> work) {
  AFLUENTE_RETURN_IF_ERROR(session_->Execute("BEGIN TRANSACTION"));
  WriteTransaction transaction(*session_, catalog_.snapshot());
  absl::Status status = work(transaction);
  uint64_t version = version_last_ + 1;
  if (status.ok()) status = WriteVersions(transaction, version);
  if (status.ok()) status = session_->Execute("COMMIT");
  if (!status.ok()) {
    // Fails when DuckDB has ended the transaction already, which is as good.
    session_->Execute("ROLLBACK").IgnoreError();
    return status;
  }
  version_last_ = version;
  std::vector<TableVersion> versions;
  for (const TableName& name : transaction.touched_) versions.push_back({name, version});
  catalog_.Publish(transaction.edited_, versions);
  return absl::OkStatus();
}

absl::Status Committer::WriteVersions(const WriteTransaction& transaction, uint64_t version) {
  for (const TableName& name : transaction.touched_) {
    if (transaction.catalog().Find(name) == nullptr) {
      Arguments floor;
      floor.push_back(IntegerArgument(static_cast<int64_t>(version)));
      AFLUENTE_RETURN_IF_ERROR(session_->Execute(
          "UPDATE afluente_internal.settings SET value = $1 WHERE name = 'version_last'", floor));
      continue;
    }
    Arguments arguments = NameArguments(name);
    arguments.push_back(IntegerArgument(static_cast<int64_t>(version)));
    AFLUENTE_RETURN_IF_ERROR(
        session_->Execute("UPDATE afluente_internal.tables SET version = $4 "
                          "WHERE project = $1 AND dataset = $2 AND name = $3",
                          arguments));
  }
  return absl::OkStatus();
}

absl::Status Committer::Checkpoint() {
  absl::MutexLock lock(&mutex_);
  return session_->Execute("CHECKPOINT");
}

}  // namespace afluente::warehouse::duckdb
