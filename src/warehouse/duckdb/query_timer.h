#pragma once

#include <duckdb.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "host/clock.h"

namespace afluente::warehouse::duckdb {

// Interrupts connections whose statement has run past its deadline. Owned by the database;
// thread-safe; its thread starts with the first deadline.
class QueryTimer {
 public:
  QueryTimer() = default;
  ~QueryTimer();

  uint64_t Add(duckdb_connection connection, host::MonotonicTime deadline);
  // Ends the watch: the connection is not touched afterwards. True when the deadline had passed.
  bool Remove(uint64_t id);

 private:
  struct Watch {
    duckdb_connection connection;
    host::MonotonicTime deadline;
    bool fired = false;
  };
  void Loop();

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<uint64_t, Watch> watches_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<host::MonotonicTime, uint64_t>> due_ ABSL_GUARDED_BY(mutex_);
  // When the thread wakes by itself: only an earlier deadline has to wake it.
  host::MonotonicTime wake_at_ ABSL_GUARDED_BY(mutex_) = host::MonotonicTime::max();
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace afluente::warehouse::duckdb
