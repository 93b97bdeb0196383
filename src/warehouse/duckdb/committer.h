#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "warehouse/duckdb/commit_log.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/duckdb/record_log.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/table.h"

namespace afluente::warehouse::duckdb {

// The one open write transaction, given to Committer::Run's work. What it edits in the catalog and
// touches becomes visible when the transaction has committed, and not at all when it fails.
class WriteTransaction {
 public:
  Session& session() { return session_; }
  // As this transaction sees it.
  const CatalogSnapshot& catalog() const { return edited_ == nullptr ? *current_ : *edited_; }

  absl::Status CreateDataset(const Dataset& dataset);
  void PutDataset(Dataset dataset);
  absl::Status DropDataset(std::string_view project, std::string_view dataset);
  // Writes the engine's record of a table and publishes it at commit; the DuckDB table itself is
  // the caller's to create or alter.
  absl::Status PutTable(TableEntry entry);
  absl::Status RemoveTable(const TableName& name);
  // Replaces one of that name.
  absl::Status PutRoutine(Routine routine);
  absl::Status RemoveRoutine(const TableName& name);
  // CREATE TABLE and PutTable.
  absl::Status CreateTable(const TableSchema& schema);

  // The table gets a new version at commit.
  void Touch(const TableName& name) { touched_.insert(name); }
  // Adds to a function's durable counters and replaces its state when given.
  void RecordFunction(std::string_view function, const OutcomeCounters& delta,
                      const std::optional<std::string>& state);
  // As this transaction has them so far.
  OutcomeCounters CountersOf(std::string_view function) const;
  void PutRecord(RecordChange change) { records_.push_back(std::move(change)); }

 private:
  friend class Committer;
  WriteTransaction(Session& session, const LiveCatalog& live)
      : session_(session), live_(live), current_(live.snapshot()) {}
  CatalogSnapshot& Edit();

  Session& session_;
  const LiveCatalog& live_;
  const std::shared_ptr<const CatalogSnapshot> current_;
  FunctionChanges functions_;
  std::shared_ptr<CatalogSnapshot> edited_;
  std::set<TableName> touched_;
  std::vector<RecordChange> records_;
};

// Serialises every mutation of the database on one connection and keeps the live catalog in step.
// Thread-safe; callers wait for each other. After a crash the database holds exactly the commits
// that returned OK, and possibly the one under way.
class Committer {
 public:
  // `version_last` is the highest table version ever given out.
  Committer(std::unique_ptr<Session> session, LiveCatalog& catalog, uint64_t version_last);

  // Runs `work` inside a transaction and commits it; on disk when OK. `work` must not call back
  // into the committer.
  absl::Status Run(absl::FunctionRef<absl::Status(WriteTransaction&)> work);
  // Before the first commit.
  absl::Status Open();
  // Moves the write-ahead log into the database file; commits wait meanwhile. UNAVAILABLE while
  // checkpoints are held.
  absl::Status Checkpoint();
  // Runs `work` while no commit is under way. When it succeeds no checkpoint runs until
  // ReleaseCheckpoints was called as often.
  absl::Status HoldCheckpoints(absl::FunctionRef<absl::Status()> work);
  void ReleaseCheckpoints();
  // For duckdb_interrupt, which any thread may call.
  duckdb_connection connection() const { return connection_; }

 private:
  absl::Status RunOnce(absl::FunctionRef<absl::Status(WriteTransaction&)> work)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  const std::unique_ptr<Session> session_ ABSL_PT_GUARDED_BY(mutex_);
  const duckdb_connection connection_;
  LiveCatalog& catalog_;
  CommitLog log_ ABSL_GUARDED_BY(mutex_);
  RecordLog records_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_last_ ABSL_GUARDED_BY(mutex_);
  int checkpoint_holds_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::warehouse::duckdb
