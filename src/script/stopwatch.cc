#include "script/stopwatch.h"

#include <ctime>

namespace afluente::script {
namespace {

thread_local Stopwatch* current = nullptr;

std::chrono::nanoseconds Read(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

void Stopwatch::Start(std::chrono::nanoseconds time_max) {
  limit_ = time_max;
  // The call's first look at the CPU's clock is a wall time later, when it is still running.
  started_cpu_ = std::chrono::nanoseconds(-1);
  look_at_ = Read(CLOCK_MONOTONIC_COARSE) + std::chrono::milliseconds(4);
}

bool Stopwatch::IsOver() {
  if (Read(CLOCK_MONOTONIC_COARSE) < look_at_) return false;
  std::chrono::nanoseconds cpu = Read(CLOCK_THREAD_CPUTIME_ID);
  if (started_cpu_.count() < 0) started_cpu_ = cpu;
  std::chrono::nanoseconds left = limit_ - (cpu - started_cpu_);
  if (left.count() <= 0) return true;
  look_at_ = Read(CLOCK_MONOTONIC_COARSE) + left;
  return false;
}

ScopedStopwatch::ScopedStopwatch(Stopwatch* stopwatch) { current = stopwatch; }
ScopedStopwatch::~ScopedStopwatch() { current = nullptr; }

}  // namespace afluente::script

// Called by QuickJS, see cmake/quickjs.sed.
extern "C" int afluente_script_over_time(void) {
  return afluente::script::current != nullptr && afluente::script::current->IsOver() ? 1 : 0;
}
