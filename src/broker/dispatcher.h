#pragma once

#include <deque>
#include <memory>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/turn.h"
#include "host/clock.h"

namespace afluente::broker {

// Gives turns to subscriptions that have something to do: deliveries, disk reads, leases that ran
// out. One thread for all; without Start its owner calls RunDue, as tests do. Thread-safe.
class Dispatcher {
 public:
  explicit Dispatcher(const host::Clock& clock) : clock_(clock) {}
  ~Dispatcher() { Stop(); }
  void Start();
  // Ends the thread; what is posted later waits for ever.
  void Stop();

  // A turn soon; many posts before it are one.
  void Post(std::shared_ptr<Turn> turn);
  // A turn at `at`. A turn that is gone by then is not kept alive.
  void Arm(const std::shared_ptr<Turn>& turn, host::MonotonicTime at);
  // The clock was set forward: timers may be due.
  void Wake();
  // Gives every turn that is posted or due, until none is.
  void RunDue();

 private:
  using Timer = std::pair<host::MonotonicTime, std::weak_ptr<Turn>>;
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return a.first > b.first; }
  };
  void Loop();
  // The next turn that is due, or null; `wake_at` then tells when a timer is.
  std::shared_ptr<Turn> Next(host::MonotonicTime now, host::MonotonicTime& wake_at);

  const host::Clock& clock_;
  std::thread thread_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::CondVar changed_;
  std::deque<std::shared_ptr<Turn>> posted_ ABSL_GUARDED_BY(mutex_);
  std::priority_queue<Timer, std::vector<Timer>, Later> timers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
