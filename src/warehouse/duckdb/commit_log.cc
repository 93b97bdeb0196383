#include "warehouse/duckdb/commit_log.h"

#include <algorithm>
#include <array>

#include "host/check.h"
#include "warehouse/duckdb/errors.h"

namespace afluente::warehouse::duckdb {
namespace {

std::array<int64_t, 6> Counts(const OutcomeCounters& counters) {
  return {counters.stored,      counters.dropped, counters.dead_lettered,
          counters.self_stored, counters.removed, counters.rows};
}

OutcomeCounters CountsAt(const ColumnBatch& batch, size_t first, size_t row) {
  auto count = [&](size_t i) { return batch.columns[first + i].ints[row]; };
  return {count(0), count(1), count(2), count(3), count(4), count(5)};
}

}  // namespace

absl::Status CommitLog::Create(Session& session) {
  return session.Execute(
      "CREATE TABLE IF NOT EXISTS afluente_internal.commits (version BIGINT, function VARCHAR, "
      "state BLOB, stored BIGINT, dropped BIGINT, dead_lettered BIGINT, self_stored BIGINT, "
      "removed BIGINT, row_count BIGINT, project VARCHAR, dataset VARCHAR, name VARCHAR)");
}

absl::Status CommitLog::Append(const FunctionChanges& functions,
                               const std::vector<TableName>& tables, uint64_t version) {
  if (functions.empty() && tables.empty()) return absl::OkStatus();
  if (appender_.get() == nullptr &&
      duckdb_appender_create(session_.connection(), "afluente_internal", "commits",
                             appender_.out()) != DuckDBSuccess) {
    return AppenderStatus(appender_);
  }
  // The usual commit, one function and one table, is one row.
  auto function = functions.begin();
  auto table = tables.begin();
  while (function != functions.end() || table != tables.end()) {
    AFLUENTE_RETURN_IF_ERROR(
        AppendRow(function != functions.end() ? &(function++)->second : nullptr,
                  table != tables.end() ? &*table++ : nullptr, version));
  }
  if (duckdb_appender_flush(appender_.get()) != DuckDBSuccess) return AppenderStatus(appender_);
  return absl::OkStatus();
}

absl::Status CommitLog::AppendRow(const FunctionChange* change, const TableName* table,
                                  uint64_t version) {
  duckdb_appender out = appender_.get();
  bool ok = duckdb_append_int64(out, static_cast<int64_t>(version)) == DuckDBSuccess;
  auto null = [&] { ok = ok && duckdb_append_null(out) == DuckDBSuccess; };
  auto text = [&](const std::string& value) {
    ok = ok && duckdb_append_varchar_length(out, value.data(), value.size()) == DuckDBSuccess;
  };
  if (change == nullptr) {
    for (int i = 0; i < 8; ++i) null();
  } else {
    text(change->record.function);
    const std::string& state = change->record.state;
    if (change->state_changed) {
      ok = ok && duckdb_append_blob(out, state.data(), state.size()) == DuckDBSuccess;
    } else {
      null();
    }
    for (int64_t count : Counts(change->record.counters)) {
      ok = ok && duckdb_append_int64(out, count) == DuckDBSuccess;
    }
  }
  if (table == nullptr) {
    for (int i = 0; i < 3; ++i) null();
  } else {
    for (const std::string* part : {&table->project, &table->dataset, &table->table}) text(*part);
  }
  ok = ok && duckdb_appender_end_row(out) == DuckDBSuccess;
  return ok ? absl::OkStatus() : AppenderStatus(appender_);
}

absl::StatusOr<LoadedLog> CommitLog::Load(Session& session) {
  LoadedLog loaded;
  std::map<std::string, FunctionRecord, std::less<>> records;
  AFLUENTE_ASSIGN_OR_RETURN(
      ColumnBatch kept,
      session.Read("SELECT function, state, stored, dropped, dead_lettered, self_stored, removed, "
                   "row_count FROM afluente_internal.functions"));
  for (size_t i = 0; i < kept.rows; ++i) {
    FunctionRecord& record = records[std::string(kept.columns[0].Bytes(i))];
    record.function = kept.columns[0].Bytes(i);
    record.state = kept.columns[1].Bytes(i);
    record.counters = CountsAt(kept, 2, i);
  }
  AFLUENTE_ASSIGN_OR_RETURN(
      ColumnBatch log, session.Read("SELECT * FROM afluente_internal.commits ORDER BY version"));
  loaded.rows = log.rows;
  for (size_t i = 0; i < log.rows; ++i) {
    uint64_t version = static_cast<uint64_t>(log.columns[0].ints[i]);
    loaded.version_last = std::max(loaded.version_last, version);
    if (log.columns[9].valid[i]) {
      TableName name{std::string(log.columns[9].Bytes(i)), std::string(log.columns[10].Bytes(i)),
                     std::string(log.columns[11].Bytes(i))};
      loaded.versions.push_back({std::move(name), version});
    }
    if (!log.columns[1].valid[i]) continue;
    FunctionRecord& record = records[std::string(log.columns[1].Bytes(i))];
    record.function = log.columns[1].Bytes(i);
    if (log.columns[2].valid[i]) record.state = log.columns[2].Bytes(i);
    record.counters = CountsAt(log, 3, i);
  }
  for (auto& [name, record] : records) loaded.functions.push_back(std::move(record));
  return loaded;
}

absl::StatusOr<FunctionRecord> CommitLog::Find(Session& session, const std::string& function) {
  FunctionRecord record;
  record.function = function;
  Arguments arguments;
  arguments.push_back(TextArgument(function));
  // The log's rows are newer than those it was folded into.
  AFLUENTE_ASSIGN_OR_RETURN(
      const ColumnBatch rows,
      session.Read("SELECT -1 AS version, state, stored, dropped, dead_lettered, self_stored, "
                   "removed, row_count FROM afluente_internal.functions WHERE function = $1 "
                   "UNION ALL SELECT version, state, stored, dropped, dead_lettered, self_stored, "
                   "removed, row_count FROM afluente_internal.commits WHERE function = $1 "
                   "ORDER BY version",
                   arguments));
  for (size_t i = 0; i < rows.rows; ++i) {
    if (rows.columns[1].valid[i]) record.state = rows.columns[1].Bytes(i);
    record.counters = CountsAt(rows, 2, i);
  }
  return record;
}

absl::Status CommitLog::Fold(const LoadedLog& current) {
  AFLUENTE_RETURN_IF_ERROR(session_.Execute("BEGIN TRANSACTION"));
  absl::Status status = FoldInto(current);
  if (status.ok()) status = session_.Execute("COMMIT");
  if (!status.ok()) session_.Execute("ROLLBACK").IgnoreError();
  return status;
}

absl::Status CommitLog::FoldInto(const LoadedLog& current) {
  AFLUENTE_RETURN_IF_ERROR(session_.Execute("DELETE FROM afluente_internal.functions"));
  for (const FunctionRecord& record : current.functions) {
    Arguments arguments;
    arguments.push_back(TextArgument(record.function));
    arguments.push_back(BytesArgument(record.state));
    for (int64_t count : Counts(record.counters)) arguments.push_back(IntegerArgument(count));
    AFLUENTE_RETURN_IF_ERROR(session_.Execute(
        "INSERT INTO afluente_internal.functions VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        arguments));
  }
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      "UPDATE afluente_internal.tables AS t SET version = v.version FROM (SELECT project, dataset, "
      "name, MAX(version) AS version FROM afluente_internal.commits GROUP BY ALL) AS v WHERE "
      "t.project = v.project AND t.dataset = v.dataset AND t.name = v.name"));
  Arguments last;
  last.push_back(IntegerArgument(static_cast<int64_t>(current.version_last)));
  AFLUENTE_RETURN_IF_ERROR(session_.Execute(
      "UPDATE afluente_internal.settings SET value = $1 WHERE name = 'version_last'", last));
  return session_.Execute("DELETE FROM afluente_internal.commits");
}

}  // namespace afluente::warehouse::duckdb
