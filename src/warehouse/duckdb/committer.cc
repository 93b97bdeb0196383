#include "warehouse/duckdb/committer.h"

#include "host/check.h"
#include "host/clock.h"
#include "schema/text.h"
#include "warehouse/duckdb/key_index.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/schema_json.h"
#include "warehouse/duckdb/stored_routines.h"

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
  if (IngestionPartitioned(schema)) {
    sql += schema::Concat(", ", QuoteIdentifier(kPartitionTime),
                          " TIMESTAMP WITH TIME ZONE DEFAULT date_trunc('day', now())");
  }
  return sql;
}

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             host::SystemClock().Now().time_since_epoch())
      .count();
}

}  // namespace

CatalogSnapshot& WriteTransaction::Edit() {
  if (edited_ == nullptr) {
    edited_ = std::make_shared<CatalogSnapshot>(*current_);
    ++edited_->generation;
  }
  return *edited_;
}

absl::Status WriteTransaction::CreateDataset(const Dataset& wanted) {
  const std::string& project = wanted.project;
  const std::string& dataset = wanted.dataset;
  AFLUENTE_RETURN_IF_ERROR(
      session_.Execute(schema::Concat("CREATE SCHEMA ", DatasetSql(project, dataset))));
  Arguments arguments;
  arguments.push_back(TextArgument(project));
  arguments.push_back(TextArgument(dataset));
  AFLUENTE_RETURN_IF_ERROR(
      session_.Execute("INSERT INTO afluente_internal.datasets VALUES ($1, $2)", arguments));
  Edit().datasets.emplace(project, dataset);
  PutDataset(wanted);
  return absl::OkStatus();
}

void WriteTransaction::PutDataset(Dataset dataset) {
  dataset.modified_ms = NowMs();
  if (dataset.created_ms == 0) dataset.created_ms = dataset.modified_ms;
  PutRecord({std::string(kDatasetSpace), DatasetKey(dataset.project, dataset.dataset),
             DatasetToJson(dataset)});
  auto key = std::pair(dataset.project, dataset.dataset);
  Edit().dataset_properties[std::move(key)] = std::move(dataset);
}

absl::Status WriteTransaction::DropDataset(std::string_view project, std::string_view dataset) {
  AFLUENTE_RETURN_IF_ERROR(
      session_.Execute(schema::Concat("DROP SCHEMA ", DatasetSql(project, dataset))));
  Arguments arguments;
  arguments.push_back(TextArgument(project));
  arguments.push_back(TextArgument(dataset));
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      "DELETE FROM afluente_internal.datasets WHERE project = $1 AND dataset = $2", arguments));
  const std::pair key{std::string(project), std::string(dataset)};
  Edit().datasets.erase(key);
  Edit().dataset_properties.erase(key);
  PutRecord({std::string(kDatasetSpace), DatasetKey(project, dataset), std::nullopt});
  return absl::OkStatus();
}

absl::Status WriteTransaction::PutTable(TableEntry entry) {
  TableName name = entry.schema.name;
  if (!entry.schema.properties) entry.schema.properties.emplace();
  entry.schema.modified_ms = NowMs();
  if (entry.schema.created_ms == 0) entry.schema.created_ms = entry.schema.modified_ms;
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
  Edit().tables.erase(name);
  touched_.insert(name);
  return absl::OkStatus();
}

absl::Status WriteTransaction::PutRoutine(Routine routine) {
  TableName name = routine.name;
  AFLUENTE_RETURN_IF_ERROR(StoreRoutine(session_, routine));
  Edit().routines[name] = std::make_shared<Routine>(std::move(routine));
  return absl::OkStatus();
}

absl::Status WriteTransaction::RemoveRoutine(const TableName& name) {
  AFLUENTE_RETURN_IF_ERROR(DeleteRoutine(session_, name));
  Edit().routines.erase(name);
  return absl::OkStatus();
}

absl::Status WriteTransaction::CreateTable(const TableSchema& schema) {
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      schema::Concat("CREATE TABLE ", TableSql(schema.name), " (", ColumnsSql(schema), ")")));
  AFLUENTE_RETURN_IF_ERROR(CreateKeyIndex(session_, schema));
  return PutTable({schema, "", false, {}});
}

void WriteTransaction::RecordFunction(std::string_view function, const OutcomeCounters& delta,
                                      const std::optional<std::string>& state) {
  auto found = functions_.find(function);
  if (found == functions_.end()) {
    found =
        functions_.emplace(std::string(function), FunctionChange{live_.Function(function)}).first;
  }
  OutcomeCounters& counters = found->second.record.counters;
  counters.stored += delta.stored;
  counters.dropped += delta.dropped;
  counters.dead_lettered += delta.dead_lettered;
  counters.self_stored += delta.self_stored;
  counters.removed += delta.removed;
  counters.rows += delta.rows;
  if (!state) return;
  found->second.record.state = *state;
  found->second.state_changed = true;
}

OutcomeCounters WriteTransaction::CountersOf(std::string_view function) const {
  const auto found = functions_.find(function);
  return found == functions_.end() ? live_.Function(function).counters
                                   : found->second.record.counters;
}

Committer::Committer(std::unique_ptr<Session> session, LiveCatalog& catalog, uint64_t version_last)
    : session_(std::move(session)),
      connection_(session_->connection()),
      catalog_(catalog),
      log_(*session_),
      records_(*session_),
      version_last_(version_last) {}

absl::Status Committer::Open() {
  absl::MutexLock lock(&mutex_);
  return records_.Open();
}

absl::Status Committer::Run(absl::FunctionRef<absl::Status(WriteTransaction&)> work) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = RunOnce(work);
  // Only a checkpoint can conflict with the one writer; its conflict passes.
  for (int again = 0; again < 3 && absl::IsAborted(status); ++again) status = RunOnce(work);
  return status;
}

absl::Status Committer::RunOnce(absl::FunctionRef<absl::Status(WriteTransaction&)> work) {
  AFLUENTE_RETURN_IF_ERROR(session_->Execute("BEGIN TRANSACTION"));
  WriteTransaction transaction(*session_, catalog_);
  absl::Status status = work(transaction);
  uint64_t version = version_last_ + 1;
  // A dropped table is touched too: its version must not come back with its successor.
  std::vector<TableName> touched(transaction.touched_.begin(), transaction.touched_.end());
  if (status.ok()) status = log_.Append(transaction.functions_, touched, version);
  if (status.ok()) status = records_.Append(transaction.records_);
  if (status.ok()) status = session_->Execute("COMMIT");
  if (!status.ok()) {
    log_.Abandon();
    records_.Abandon();
    // Fails when DuckDB has ended the transaction already, which is as good.
    session_->Execute("ROLLBACK").IgnoreError();
    return status;
  }
  version_last_ = version;
  std::vector<TableVersion> versions;
  for (const TableName& name : touched) versions.push_back({name, version});
  std::vector<FunctionRecord> functions;
  for (auto& [name, change] : transaction.functions_) functions.push_back(std::move(change.record));
  catalog_.Publish(transaction.edited_, versions, functions);
  return absl::OkStatus();
}

absl::Status Committer::HoldCheckpoints(absl::FunctionRef<absl::Status()> work) {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(work());
  ++checkpoint_holds_;
  return absl::OkStatus();
}

void Committer::ReleaseCheckpoints() {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_CHECK(checkpoint_holds_ > 0);
  --checkpoint_holds_;
}

absl::Status Committer::Checkpoint() {
  absl::MutexLock lock(&mutex_);
  if (checkpoint_holds_ > 0) return absl::UnavailableError("a backup copies the database");
  LoadedLog current;
  current.functions = catalog_.Functions();
  current.version_last = version_last_;
  AFLUENTE_RETURN_IF_ERROR(log_.Fold(current));
  AFLUENTE_RETURN_IF_ERROR(records_.Fold());
  return session_->Execute("CHECKPOINT");
}

}  // namespace afluente::warehouse::duckdb
