#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse::duckdb {

// The durable records as a log in the database: a change is an appended row, and the newest of a
// key counts, which costs a commit less than an update. Owned by the committer, one thread at a
// time; what it appends belongs to the open transaction.
class RecordLog {
 public:
  explicit RecordLog(Session& session) : session_(session) {}

  static absl::Status Create(Session& session);
  // Reads how far the log is and drops what newer rows have replaced.
  absl::Status Open();
  absl::Status Append(const std::vector<RecordChange>& changes);
  // After a failed transaction.
  void Abandon() { appender_ = AppenderHandle(); }
  // Drops replaced rows when they have become many.
  absl::Status Fold();

  static absl::StatusOr<std::vector<DurableRecord>> Read(Session& session, std::string_view space);

 private:
  absl::Status Compact();

  Session& session_;
  AppenderHandle appender_;
  int64_t ordinal_last_ = 0;
  int64_t appended_ = 0;  // since the last compaction
};

}  // namespace afluente::warehouse::duckdb
