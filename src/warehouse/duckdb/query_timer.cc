#include "warehouse/duckdb/query_timer.h"

namespace afluente::warehouse::duckdb {
namespace {
constexpr std::chrono::milliseconds kAgain{5};
}  // namespace

QueryTimer::~QueryTimer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<uint64_t> QueryTimer::Add(duckdb_connection connection,
                                         host::MonotonicTime deadline) {
  absl::MutexLock lock(&mutex_);
  if (refusing_) return ShuttingDown();
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  uint64_t id = next_id_++;
  watches_[id] = {connection, deadline};
  due_.emplace(deadline, id);
  if (deadline < wake_at_) changed_.Signal();
  return id;
}

QueryTimer::Outcome QueryTimer::Remove(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  auto found = watches_.find(id);
  if (found == watches_.end()) return Outcome::kInTime;
  Outcome outcome = found->second.outcome;
  due_.erase({found->second.deadline, id});
  watches_.erase(found);
  return outcome;
}

void QueryTimer::MakeDue(uint64_t id, Watch& watch, Outcome outcome) {
  due_.erase({watch.deadline, id});
  watch.deadline = std::chrono::steady_clock::now();
  due_.emplace(watch.deadline, id);
  if (watch.outcome == Outcome::kInTime) watch.outcome = outcome;
}

void QueryTimer::Cancel(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  MakeDue(id, found->second, Outcome::kCancelled);
  changed_.Signal();
}

void QueryTimer::InterruptAll() {
  absl::MutexLock lock(&mutex_);
  refusing_ = true;
  for (auto& [id, watch] : watches_) MakeDue(id, watch, Outcome::kStopped);
  changed_.Signal();
}

void QueryTimer::Loop() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    wake_at_ = due_.empty() ? host::MonotonicTime::max() : due_.begin()->first;
    if (wake_at_ == host::MonotonicTime::max()) {
      changed_.Wait(&mutex_);
      continue;
    }
    auto [deadline, id] = *due_.begin();
    auto left = deadline - std::chrono::steady_clock::now();
    if (left > left.zero()) {
      changed_.WaitWithTimeout(&mutex_, absl::FromChrono(left));
      continue;
    }
    // Under the lock, so that Remove's caller may give the connection to another query. Again and
    // again, since an interrupt before the statement begins has no effect.
    Watch& watch = watches_[id];
    duckdb_interrupt(watch.connection);
    if (watch.outcome == Outcome::kInTime) watch.outcome = Outcome::kTimedOut;
    due_.erase(due_.begin());
    watch.deadline = std::chrono::steady_clock::now() + kAgain;
    due_.emplace(watch.deadline, id);
  }
}

absl::Status ShuttingDown() {
  return absl::UnavailableError("the warehouse is shutting down and takes no more queries");
}

absl::Status Explain(const absl::Status& status, QueryTimer::Outcome outcome) {
  if (!absl::IsCancelled(status) || outcome == QueryTimer::Outcome::kInTime) return status;
  if (outcome == QueryTimer::Outcome::kStopped) return ShuttingDown();
  if (outcome == QueryTimer::Outcome::kCancelled) return status;
  return absl::DeadlineExceededError("Job execution was cancelled: Job timed out");
}

}  // namespace afluente::warehouse::duckdb
