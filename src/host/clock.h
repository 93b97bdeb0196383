#pragma once

#include <chrono>

namespace afluente::host {

// Wall time in microseconds since the Unix epoch (UTC), as Pub/Sub and BigQuery keep it.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
// For deadlines and backoff: never set back.
using MonotonicTime = std::chrono::steady_clock::time_point;

// The machine's clocks. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;
  virtual MonotonicTime Monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime Now() const override;
  MonotonicTime Monotonic() const override;
};

}  // namespace afluente::host
