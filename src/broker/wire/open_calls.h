#pragma once

#include <cstdint>
#include <map>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace afluente::broker::wire {

// The calls that may stay open for long (Pull, StreamingPull): their number is bounded, and each
// is told when the server stops. Owned by the door. Thread-safe.
class OpenCalls {
 public:
  explicit OpenCalls(size_t calls_max) : calls_max_(calls_max) {}

  // Keeps `stop` until Remove(ticket). RESOURCE_EXHAUSTED when too many calls are open,
  // UNAVAILABLE once the server stops.
  absl::StatusOr<uint64_t> Add(absl::AnyInvocable<void()> stop);
  void Remove(uint64_t ticket);
  // Runs every `stop` once and refuses calls from now on.
  void StopAll();
  size_t size() const;

 private:
  const size_t calls_max_;
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, absl::AnyInvocable<void()>> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker::wire
