#pragma once

#include <chrono>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace afluente::broker::wire {

// The answer to one call: given once, from any thread.
template <typename Response>
using Reply = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// Tells a waiting call that nobody waits for its answer any more. Shared by the door, which
// cancels, and the call, which listens. Thread-safe.
class Cancellation {
 public:
  // Runs `then` at Cancel, or now when that is past.
  void Listen(absl::AnyInvocable<void()> then) {
    {
      absl::MutexLock lock(&mutex_);
      if (!cancelled_) {
        then_ = std::move(then);
        return;
      }
    }
    then();
  }
  void Cancel() {
    absl::AnyInvocable<void()> then;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      then = std::exchange(then_, nullptr);
    }
    if (then) then();
  }

 private:
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  absl::AnyInvocable<void()> then_ ABSL_GUARDED_BY(mutex_);
};

// What a handler may know of the call that it answers.
struct Call {
  std::chrono::milliseconds time_left = std::chrono::milliseconds::max();  // max = no deadline
  std::shared_ptr<Cancellation> cancellation;  // null when the door cannot tell
};

}  // namespace afluente::broker::wire
