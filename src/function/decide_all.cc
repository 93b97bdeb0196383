#include "function/decide_all.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace afluente::function {
namespace {

struct Come {
  absl::Mutex mutex;
  bool some ABSL_GUARDED_BY(mutex) = false;

  void Tell() {
    absl::MutexLock lock(&mutex);
    some = true;
  }
  // A while at most: the caller may be told to stop.
  void Await() {
    absl::MutexLock lock(&mutex);
    mutex.AwaitWithTimeout(absl::Condition(&some), absl::Milliseconds(100));
    some = false;
  }
};

// One try of each.
std::vector<Decision> DecideOnce(Transform& transform, std::vector<Attempt> attempts,
                                 const std::atomic<bool>& stopped) {
  if (transform.immediate()) return transform.Run(std::move(attempts));
  // Shared with answers that come late.
  auto come = std::make_shared<Come>();
  transform.OnDecided([come] { come->Tell(); });
  std::vector<Decision> decisions;
  const size_t wanted = attempts.size();
  size_t next = 0;
  while (decisions.size() < wanted && !stopped) {
    const size_t count = std::min(transform.capacity(), wanted - next);
    std::vector<Attempt> part(std::make_move_iterator(attempts.begin() + next),
                              std::make_move_iterator(attempts.begin() + next + count));
    next += count;
    std::vector<Decision> some = transform.Run(std::move(part));
    if (some.empty()) come->Await();
    for (Decision& each : some) decisions.push_back(std::move(each));
  }
  return decisions;
}

void Pause(std::chrono::milliseconds time, const std::atomic<bool>& stopped) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!stopped && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(50)));
  }
}

}  // namespace

std::vector<Decision> DecideAll(Transform& transform, std::vector<Attempt> attempts,
                                const RetryPolicy& retry, const std::atomic<bool>& stopped) {
  std::vector<Decision> decided;
  while (!attempts.empty() && !stopped) {
    std::vector<Attempt> again;
    for (Decision& decision : DecideOnce(transform, std::move(attempts), stopped)) {
      const bool retried = decision.outcome.kind == Outcome::Kind::kAttemptFailed &&
                           decision.attempt.number < retry.attempts_max;
      if (retried) {
        again.push_back({std::move(decision.attempt.message), decision.attempt.number + 1});
      } else {
        decided.push_back(std::move(decision));
      }
    }
    if (!again.empty()) Pause(retry.BackoffAfter(again.front().number - 1), stopped);
    attempts = std::move(again);
  }
  std::sort(decided.begin(), decided.end(), [](const Decision& a, const Decision& b) {
    return a.attempt.message->sequence < b.attempt.message->sequence;
  });
  return decided;
}

}  // namespace afluente::function
