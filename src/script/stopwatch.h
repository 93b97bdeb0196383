#pragma once

#include <chrono>
#include <cstdint>

namespace afluente::script {

// Says when a call has used up its time: that of its thread's CPU, so that a busy machine makes no
// function fail. Asked after every few steps of a script, it looks at a coarse clock first.
class Stopwatch {
 public:
  void Start(std::chrono::nanoseconds time_max);
  bool IsOver();

 private:
  std::chrono::nanoseconds limit_{0};
  std::chrono::nanoseconds started_cpu_{0};
  std::chrono::nanoseconds look_at_{0};  // on the coarse clock: not over before
};

// Makes `stopwatch` the one that the interpreter's long built-in functions ask on this thread.
class ScopedStopwatch {
 public:
  explicit ScopedStopwatch(Stopwatch* stopwatch);
  ~ScopedStopwatch();
  ScopedStopwatch(const ScopedStopwatch&) = delete;
  ScopedStopwatch& operator=(const ScopedStopwatch&) = delete;
};

}  // namespace afluente::script
