#include "broker/wire/open_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace afluente::broker::wire {

absl::StatusOr<uint64_t> OpenCalls::Add(absl::AnyInvocable<void()> stop) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return absl::UnavailableError("The server is stopping.");
  if (calls_.size() >= calls_max_)
    return absl::ResourceExhaustedError(
        absl::StrCat("Too many open pulls (at most ", calls_max_, ")."));
  calls_.emplace(++last_ticket_, std::move(stop));
  return last_ticket_;
}

void OpenCalls::Remove(uint64_t ticket) {
  // Destroyed after the lock is released: it may hold the last reference to its call.
  absl::AnyInvocable<void()> dropped;
  absl::MutexLock lock(&mutex_);
  if (auto it = calls_.find(ticket); it != calls_.end()) {
    dropped = std::move(it->second);
    calls_.erase(it);
  }
}

void OpenCalls::StopAll() {
  std::map<uint64_t, absl::AnyInvocable<void()>> calls;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    calls.swap(calls_);
  }
  for (auto& [ticket, stop] : calls) stop();
}

size_t OpenCalls::size() const {
  absl::MutexLock lock(&mutex_);
  return calls_.size();
}

}  // namespace afluente::broker::wire
