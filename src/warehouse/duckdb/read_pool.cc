#include "warehouse/duckdb/read_pool.h"

#include <chrono>

#include "schema/text.h"
#include "warehouse/duckdb/query_timer.h"

namespace afluente::warehouse::duckdb {

absl::StatusOr<ReadPool::Lease> ReadPool::Acquire(host::MonotonicTime deadline) {
  {
    absl::MutexLock lock(&mutex_);
    auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !free_.empty() || open_ < connections_max_ || refusing_;
    };
    auto left = deadline - std::chrono::steady_clock::now();
    if (!ready() && !mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::FromChrono(left))) {
      return absl::ResourceExhaustedError(
          schema::Concat("too many queries are running (", connections_max_, ")"));
    }
    if (!free_.empty()) {
      std::unique_ptr<Session> session = std::move(free_.back());
      free_.pop_back();
      return Lease(*this, std::move(session));
    }
    if (open_ >= connections_max_) return ShuttingDown();
    ++open_;
  }
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Connect(database_);
  if (session.ok()) return Lease(*this, *std::move(session));
  absl::MutexLock lock(&mutex_);
  --open_;
  return session.status();
}

void ReadPool::RefuseWaiters() {
  absl::MutexLock lock(&mutex_);
  refusing_ = true;
}

void ReadPool::Return(std::unique_ptr<Session> session) {
  absl::MutexLock lock(&mutex_);
  free_.push_back(std::move(session));
}

}  // namespace afluente::warehouse::duckdb
