#pragma once

#include <cstdint>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/duckdb/committer.h"

namespace afluente::warehouse::duckdb {

// Keeps the write-ahead log small, since a restart replays it: checkpoints when it nears 64 MB and
// no commit came for a moment, or whatever comes when it is three times that. Never when the disk
// could fill meanwhile, because DuckDB invalidates a database whose checkpoint fails. Owned by the
// database; thread-safe.
class Checkpointer {
 public:
  Checkpointer(Committer& committer, std::string database_path);
  ~Checkpointer();

  // To be called after each commit.
  void Committed();

 private:
  void Loop();
  bool DueLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool DiskHasRoom(uint64_t wal_bytes) const;

  Committer& committer_;
  const std::string database_path_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  uint64_t wal_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  host::MonotonicTime last_commit_ ABSL_GUARDED_BY(mutex_);
  host::MonotonicTime not_before_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// The size of the database's write-ahead log; 0 when there is none.
uint64_t WalBytes(const std::string& database_path);

}  // namespace afluente::warehouse::duckdb
