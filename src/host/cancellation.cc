#include "host/cancellation.h"

#include <utility>

namespace afluente::host {

void Cancellation::Cancel() {
  std::vector<absl::AnyInvocable<void()>> acts;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    acts = std::exchange(acts_, {});
  }
  for (auto& act : acts) act();
}

bool Cancellation::cancelled() const {
  absl::MutexLock lock(&mutex_);
  return cancelled_;
}

void Cancellation::OnCancel(absl::AnyInvocable<void()> act) {
  {
    absl::MutexLock lock(&mutex_);
    if (!cancelled_) {
      acts_.push_back(std::move(act));
      return;
    }
  }
  act();
}

}  // namespace afluente::host
