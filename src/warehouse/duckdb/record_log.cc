#include "warehouse/duckdb/record_log.h"

#include "host/check.h"
#include "warehouse/duckdb/errors.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr int64_t kReplacedMax = 20'000;

}  // namespace

absl::Status RecordLog::Create(Session& session) {
  return session.Execute(
      "CREATE TABLE IF NOT EXISTS afluente_internal.records (ordinal BIGINT, space VARCHAR, "
      "key VARCHAR, value BLOB)");
}

absl::Status RecordLog::Open() {
  AFLUENTE_RETURN_IF_ERROR(Compact());
  AFLUENTE_ASSIGN_OR_RETURN(
      ColumnBatch last,
      session_.Read("SELECT coalesce(max(ordinal), 0) FROM afluente_internal.records"));
  ordinal_last_ = last.columns[0].ints[0];
  return absl::OkStatus();
}

absl::Status RecordLog::Append(const std::vector<RecordChange>& changes) {
  if (changes.empty()) return absl::OkStatus();
  if (appender_.get() == nullptr &&
      duckdb_appender_create(session_.connection(), "afluente_internal", "records",
                             appender_.out()) != DuckDBSuccess) {
    return AppenderStatus(appender_);
  }
  duckdb_appender out = appender_.get();
  for (const RecordChange& change : changes) {
    bool ok = duckdb_append_int64(out, ++ordinal_last_) == DuckDBSuccess;
    for (const std::string* text : {&change.space, &change.key}) {
      ok = ok && duckdb_append_varchar_length(out, text->data(), text->size()) == DuckDBSuccess;
    }
    if (change.value) {
      ok = ok &&
           duckdb_append_blob(out, change.value->data(), change.value->size()) == DuckDBSuccess;
    } else {
      ok = ok && duckdb_append_null(out) == DuckDBSuccess;
    }
    ok = ok && duckdb_appender_end_row(out) == DuckDBSuccess;
    if (!ok) return AppenderStatus(appender_);
  }
  if (duckdb_appender_flush(out) != DuckDBSuccess) return AppenderStatus(appender_);
  appended_ += static_cast<int64_t>(changes.size());
  return absl::OkStatus();
}

absl::Status RecordLog::Fold() { return appended_ < kReplacedMax ? absl::OkStatus() : Compact(); }

absl::Status RecordLog::Compact() {
  appended_ = 0;
  return session_.Execute(
      "DELETE FROM afluente_internal.records AS r USING (SELECT space, key, max(ordinal) AS last "
      "FROM afluente_internal.records GROUP BY space, key) AS newest WHERE r.space = newest.space "
      "AND r.key = newest.key AND (r.ordinal < newest.last OR r.value IS NULL)");
}

absl::StatusOr<std::vector<DurableRecord>> RecordLog::Read(Session& session,
                                                           std::string_view space) {
  Arguments arguments;
  arguments.push_back(TextArgument(space));
  AFLUENTE_ASSIGN_OR_RETURN(
      ColumnBatch rows,
      session.Read("SELECT key, value FROM afluente_internal.records WHERE space = $1 QUALIFY "
                   "row_number() OVER (PARTITION BY key ORDER BY ordinal DESC) = 1 ORDER BY key",
                   arguments));
  std::vector<DurableRecord> records;
  for (size_t i = 0; i < rows.rows; ++i) {
    if (rows.columns[1].IsNull(i)) continue;
    records.push_back(
        {std::string(rows.columns[0].Bytes(i)), std::string(rows.columns[1].Bytes(i))});
  }
  return records;
}

}  // namespace afluente::warehouse::duckdb
