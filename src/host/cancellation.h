#pragma once

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace afluente::host {

// Tells work that nobody waits for its result any more. Shared by who asks and who works, and
// passed down by shared_ptr because either may be gone first. Thread-safe.
class Cancellation {
 public:
  void Cancel();
  bool cancelled() const;
  // Runs `act` once at Cancel, on its thread, or now when that was before. It may run late: after
  // the work has ended it must do no harm. It must not block.
  void OnCancel(absl::AnyInvocable<void()> act);

 private:
  mutable absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<absl::AnyInvocable<void()>> acts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::host
