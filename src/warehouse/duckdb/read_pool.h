#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/duckdb/session.h"

namespace afluente::warehouse::duckdb {

// A bounded number of reading connections, made on first need and kept. Thread-safe. The one used
// last is given out first, since its statements are prepared.
class ReadPool {
 public:
  // A connection on loan; given back when destroyed.
  class Lease {
   public:
    Lease(ReadPool& pool, std::unique_ptr<Session> session)
        : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (session_ != nullptr) pool_->Return(std::move(session_));
    }
    Session& operator*() const { return *session_; }
    Session* operator->() const { return session_.get(); }

   private:
    ReadPool* pool_;
    std::unique_ptr<Session> session_;
  };

  ReadPool(duckdb_database database, size_t connections_max)
      : database_(database), connections_max_(connections_max) {}

  // Waits for a free connection until `deadline`; RESOURCE_EXHAUSTED past it.
  absl::StatusOr<Lease> Acquire(host::MonotonicTime deadline);
  // From now on nobody waits for a connection: UNAVAILABLE when none is free.
  void RefuseWaiters();

 private:
  void Return(std::unique_ptr<Session> session);

  const duckdb_database database_;
  const size_t connections_max_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Session>> free_ ABSL_GUARDED_BY(mutex_);
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  bool refusing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace afluente::warehouse::duckdb
