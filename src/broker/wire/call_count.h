#pragma once

#include "absl/synchronization/mutex.h"

namespace afluente::broker::wire {

// How many calls may still touch the door: it goes only when none is left. Thread-safe.
class CallCount {
 public:
  void Enter() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --count_;
  }
  void AwaitNone() const {
    absl::MutexLock lock(&mutex_);
    auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return count_ == 0; };
    mutex_.Await(absl::Condition(&none));
  }

 private:
  mutable absl::Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::broker::wire
