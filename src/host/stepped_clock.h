#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "host/clock.h"

namespace afluente::host {

// Another clock that can be set forward; for instances that tests run against. What waits for a
// time does not notice by itself: who sets it forward wakes them. Thread-safe.
class SteppedClock final : public Clock {
 public:
  explicit SteppedClock(const Clock& clock) : clock_(clock) {}

  WallTime Now() const override { return clock_.Now() + ahead(); }
  MonotonicTime Monotonic() const override { return clock_.Monotonic() + ahead(); }
  void Advance(std::chrono::microseconds by) {
    ahead_.fetch_add(by.count(), std::memory_order_relaxed);
  }
  std::chrono::microseconds ahead() const {
    return std::chrono::microseconds(ahead_.load(std::memory_order_relaxed));
  }

 private:
  const Clock& clock_;
  std::atomic<int64_t> ahead_{0};
};

}  // namespace afluente::host
