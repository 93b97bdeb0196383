#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"

namespace afluente::host {

// Threads for work that blocks (queries, disk), so that I/O threads never do. Thread-safe. The
// destructor finishes what was taken.
class WorkerPool {
 public:
  WorkerPool(int threads, size_t queue_max);
  ~WorkerPool();
  // False when the queue is full: the caller refuses by name (RESOURCE_EXHAUSTED).
  [[nodiscard]] bool Submit(absl::AnyInvocable<void()> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace afluente::host
