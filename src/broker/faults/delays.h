#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "broker/dispatcher.h"
#include "broker/turn.h"
#include "host/clock.h"

namespace afluente::broker::faults {

// Makes calls later, by a clock that may be set forward, on a thread of its own. Calls that are
// left at the end are dropped. Thread-safe.
class Delays {
 public:
  explicit Delays(const host::Clock& clock) : clock_(clock), dispatcher_(clock) {}
  ~Delays() { dispatcher_.Stop(); }
  // Without a thread the owner calls RunDue, as tests do.
  void Start() { dispatcher_.Start(); }
  void Wake() { dispatcher_.Wake(); }
  void RunDue() { dispatcher_.RunDue(); }

  void After(std::chrono::milliseconds delay, absl::AnyInvocable<void()> call) {
    const host::MonotonicTime at = clock_.Monotonic() + delay;
    if (!queue_->Add(at, call)) return call();
    dispatcher_.Arm(queue_, at);
  }
  // Makes the calls that wait now, and later ones at once.
  void Finish() { queue_->Finish(); }

 private:
  class Queue final : public Turn {
   public:
    // False, and the call is left to the caller, when it is finished.
    bool Add(host::MonotonicTime at, absl::AnyInvocable<void()>& call) {
      absl::MutexLock lock(&mutex_);
      if (!finished_) calls_.emplace(std::pair(at, ++last_), std::move(call));
      return !finished_;
    }
    void Finish() {
      {
        absl::MutexLock lock(&mutex_);
        finished_ = true;
      }
      Take(host::MonotonicTime::max());
    }
    host::MonotonicTime Take(host::MonotonicTime now) override {
      while (auto call = NextDue(now)) call();
      return host::MonotonicTime::max();
    }

   private:
    absl::AnyInvocable<void()> NextDue(host::MonotonicTime now) {
      absl::MutexLock lock(&mutex_);
      if (calls_.empty() || calls_.begin()->first.first > now) return nullptr;
      auto call = std::move(calls_.begin()->second);
      calls_.erase(calls_.begin());
      return call;
    }

    absl::Mutex mutex_;
    bool finished_ ABSL_GUARDED_BY(mutex_) = false;
    uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;  // keeps calls of one time in order
    std::map<std::pair<host::MonotonicTime, uint64_t>, absl::AnyInvocable<void()>> calls_
        ABSL_GUARDED_BY(mutex_);
  };

  const host::Clock& clock_;
  const std::shared_ptr<Queue> queue_ =
      std::make_shared<Queue>();  // the dispatcher wants it shared
  Dispatcher dispatcher_;
};

}  // namespace afluente::broker::faults
