#pragma once

#include "absl/synchronization/mutex.h"
#include "host/clock.h"

namespace afluente::host {

// A clock that moves only when told to; for tests. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(std::chrono::seconds(1'700'000'000)))
      : now_(start) {}

  WallTime Now() const override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  MonotonicTime Monotonic() const override {
    absl::MutexLock lock(&mutex_);
    return monotonic_;
  }
  void Advance(std::chrono::microseconds by) {
    absl::MutexLock lock(&mutex_);
    now_ += by;
    monotonic_ += by;
  }
  // Sets the wall clock alone, as an operator or NTP would.
  void SetWall(WallTime now) {
    absl::MutexLock lock(&mutex_);
    now_ = now;
  }

 private:
  mutable absl::Mutex mutex_;
  WallTime now_ ABSL_GUARDED_BY(mutex_);
  MonotonicTime monotonic_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace afluente::host
