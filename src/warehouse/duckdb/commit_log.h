#pragma once

#include <duckdb.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

struct FunctionChange {
  FunctionRecord record;  // as it is after the commit
  bool state_changed = false;
};
using FunctionChanges = std::map<std::string, FunctionChange, std::less<>>;

// What the log and the tables that it was folded into say.
struct LoadedLog {
  std::vector<FunctionRecord> functions;
  std::vector<TableVersion> versions;
  uint64_t version_last = 0;
  size_t rows = 0;
};

// Functions' records and tables' versions, one row for each that a commit changes: an insert
// without a plan, where an UPDATE is planned anew each time. Used under the committer's lock.
class CommitLog {
 public:
  explicit CommitLog(Session& session) : session_(session) {}

  // Part of the open transaction. After a failure call Abandon before the transaction is rolled
  // back.
  absl::Status Append(const FunctionChanges& functions, const std::vector<TableName>& tables,
                      uint64_t version);
  void Abandon() { appender_.Reset(); }
  // Moves the log's content into the tables, in a transaction of its own.
  absl::Status Fold(const LoadedLog& current);

  static absl::Status Create(Session& session);
  static absl::StatusOr<LoadedLog> Load(Session& session);
  // One function's record, as the session's transaction sees it; empty when it never committed.
  static absl::StatusOr<FunctionRecord> Find(Session& session, const std::string& function);

 private:
  absl::Status AppendRow(const FunctionChange* change, const TableName* table, uint64_t version);
  absl::Status FoldInto(const LoadedLog& current);

  Session& session_;
  AppenderHandle appender_;
};

}  // namespace afluente::warehouse::duckdb
