#pragma once

#include <chrono>
#include <cstddef>

#include "host/clock.h"

namespace afluente::broker::push {

// How many pushes of one subscription may be under way, and when none may begin. As Pub/Sub's
// documentation has it ("Push subscriptions", delivery rate and push backoff): a slow start whose
// window grows with each success and shrinks with a failure, and a pause of 100 ms to 60 s after
// failures, longer each time. Not thread-safe.
class PushWindow {
 public:
  static constexpr double kFirst = 3;
  static constexpr double kMax = 1'000;
  static constexpr std::chrono::milliseconds kPauseMin{100};
  static constexpr std::chrono::milliseconds kPauseMax{60'000};

  size_t size() const { return static_cast<size_t>(size_); }
  host::MonotonicTime paused_until() const { return paused_until_; }

  void Succeeded();
  // A push that began at `began` failed. Those that were under way when a pause began belong to
  // the failure that made it.
  void Failed(host::MonotonicTime began, host::MonotonicTime now);

 private:
  double size_ = kFirst;
  std::chrono::milliseconds pause_{0};
  host::MonotonicTime pause_began_ = host::MonotonicTime::min();
  host::MonotonicTime paused_until_ = host::MonotonicTime::min();
};

}  // namespace afluente::broker::push
