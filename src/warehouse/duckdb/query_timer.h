#pragma once

#include <duckdb.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"

namespace afluente::warehouse::duckdb {

// Interrupts connections whose statement has run past its deadline, or all of them on InterruptAll.
// Owned by the database; thread-safe; its thread starts with the first watch.
class QueryTimer {
 public:
  enum class Outcome { kInTime, kTimedOut, kStopped, kCancelled };

  QueryTimer() = default;
  ~QueryTimer();

  // UNAVAILABLE after InterruptAll.
  absl::StatusOr<uint64_t> Add(duckdb_connection connection, host::MonotonicTime deadline);
  // Ends the watch: the connection is not touched afterwards.
  Outcome Remove(uint64_t id);
  // Interrupts one until it is removed; nothing when it has been.
  void Cancel(uint64_t id);
  // Interrupts what is watched until it is removed, and refuses what comes.
  void InterruptAll();

 private:
  struct Watch {
    duckdb_connection connection;
    host::MonotonicTime deadline;
    Outcome outcome = Outcome::kInTime;
  };
  void Loop();
  void MakeDue(uint64_t id, Watch& watch, Outcome outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<uint64_t, Watch> watches_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<host::MonotonicTime, uint64_t>> due_ ABSL_GUARDED_BY(mutex_);
  // When the thread wakes by itself: only an earlier deadline has to wake it.
  host::MonotonicTime wake_at_ ABSL_GUARDED_BY(mutex_) = host::MonotonicTime::max();
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool refusing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

absl::Status ShuttingDown();
// What a statement's own status means given how its watch ended.
absl::Status Explain(const absl::Status& status, QueryTimer::Outcome outcome);

}  // namespace afluente::warehouse::duckdb
