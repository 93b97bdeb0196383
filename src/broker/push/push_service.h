#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/push/id_tokens.h"
#include "broker/push/push_stats.h"

namespace afluente::host {
class Clock;
}
namespace afluente::http {
class ConnectionPool;
}
namespace afluente::broker {
class Broker;
class Dispatcher;
class Subscriptions;
}  // namespace afluente::broker

namespace afluente::broker::push {

class Pusher;
struct PushParts;

// Follows the broker's subscriptions and keeps a pusher for each that has a push endpoint. Owned by
// roles/, gone before the connection pool and the broker. Thread-safe; keeps no state that a crash
// could lose.
class PushService {
 public:
  // Messages are taken from `subscriptions`, which may be a decorator of the broker.
  PushService(Broker& broker, Subscriptions& subscriptions, http::ConnectionPool& pool,
              const host::Clock& clock, IdTokens id_tokens);
  ~PushService();

  // Without a thread the owner calls RunDue, as tests do.
  void Start(bool thread = true);
  // Begins no push any more and waits, `grace` at most, for the answers under way.
  void Stop(std::chrono::milliseconds grace);
  // The clock was set forward.
  void Wake();
  void RunDue();

  std::vector<PushStats> Stats() const;

 private:
  void Follow(const std::string& name);

  Broker& broker_;
  const std::unique_ptr<Dispatcher> dispatcher_;
  const std::shared_ptr<PushParts> parts_;  // shared with the pushers
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<Pusher>> pushers_ ABSL_GUARDED_BY(mutex_);
  // Closed ones with requests under way.
  std::vector<std::shared_ptr<Pusher>> ending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker::push
