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

uint64_t QueryTimer::Add(duckdb_connection connection, host::MonotonicTime deadline) {
  absl::MutexLock lock(&mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  uint64_t id = next_id_++;
  watches_[id] = {connection, deadline};
  due_.emplace(deadline, id);
  if (deadline < wake_at_) changed_.Signal();
  return id;
}

bool QueryTimer::Remove(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  auto found = watches_.find(id);
  if (found == watches_.end()) return false;
  bool fired = found->second.fired;
  due_.erase({found->second.deadline, id});
  watches_.erase(found);
  return fired;
}

void QueryTimer::Loop() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    wake_at_ = due_.empty() ? host::MonotonicTime::max() : due_.begin()->first;
    if (due_.empty()) {
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
    watch.fired = true;
    due_.erase(due_.begin());
    watch.deadline = std::chrono::steady_clock::now() + kAgain;
    due_.emplace(watch.deadline, id);
  }
}

}  // namespace afluente::warehouse::duckdb
