#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "broker/subscriptions.h"
#include "broker/wire/call.h"
#include "broker/wire/service.h"

namespace afluente::broker::wire {

struct PullLimits {
  size_t messages_max = 1;
  size_t bytes_max = 0;
  std::chrono::milliseconds wait{0};
};

// One Pull until it is answered: by messages, by its time, by its caller's going away or by the
// server's stop, whichever comes first. The broker holds it until it answers; who ends it early
// holds it meanwhile; any thread. Messages that come too late are given back at once.
class PullWait : public std::enable_shared_from_this<PullWait> {
 public:
  static void Start(Service& service, std::string subscription, std::unique_ptr<Consumer> consumer,
                    const PullLimits& limits, const Call& call, Reply<pubsub::PullResponse> reply);
  ~PullWait();

 private:
  struct Timer;

  PullWait(Service& service, std::string subscription, std::unique_ptr<Consumer> consumer,
           Reply<pubsub::PullResponse> reply);
  void Watch(const Call& call, std::chrono::milliseconds wait);
  void OnMessages(absl::StatusOr<std::vector<Delivered>> delivered);
  // Ends the wait with `status`; OK answers with no message.
  void End(absl::Status status);
  void GiveBack(const std::vector<Delivered>& delivered);

  Service& service_;
  const std::string subscription_;
  const std::unique_ptr<Consumer> consumer_;
  const std::unique_ptr<Timer> timer_;

  absl::Mutex mutex_;
  Reply<pubsub::PullResponse> reply_ ABSL_GUARDED_BY(mutex_);
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  uint64_t ticket_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::broker::wire
