#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/push/id_tokens.h"
#include "broker/push/push_stats.h"
#include "broker/push/push_window.h"
#include "broker/subscriptions.h"
#include "broker/turn.h"
#include "http/connection_pool.h"
#include "telemetry/metrics.h"

namespace afluente::broker {
class Dispatcher;
}

namespace afluente::broker::push {

// What every pusher works with; all outlive them, but for the dispatcher, which closed ones leave
// alone.
struct PushParts {
  Subscriptions& subscriptions;
  http::ConnectionPool& pool;
  Dispatcher& dispatcher;
  const host::Clock& clock;
  IdTokens id_tokens;
  std::atomic<int64_t> bytes_under_way{0};  // bodies, all pushers together
};

// Pushes one subscription's messages: takes as many as the window allows, posts each, and acks or
// nacks by the answer. Shared by its service and by what is under way. Thread-safe; after a crash
// what was not acked is pushed again.
class Pusher final : public Turn, public std::enable_shared_from_this<Pusher> {
 public:
  Pusher(std::shared_ptr<PushParts> parts, std::string name)
      : parts_(std::move(parts)), name_(std::move(name)) {}

  // Begins, or goes on as `settings` (with a push endpoint) says from the next message on.
  void Configure(SubscriptionSettings settings);
  // Gives back what is not under way; what is ends by its answer. Final.
  void Close();

  host::MonotonicTime Take(host::MonotonicTime now) override;

  bool idle() const;
  PushStats Stats() const;

 private:
  using Settings = std::shared_ptr<const SubscriptionSettings>;  // shared with requests being made
  struct Sending;

  // On the dispatcher's thread.
  void Send(const Settings& settings, const Delivered& delivered, host::MonotonicTime now);
  absl::Status Authorize(const PushConfig& push, http::OutgoingRequest& request) const;
  bool OpenConsumer(const SubscriptionSettings& settings);
  // Asks for as many messages as there is room for; says when to try again.
  host::MonotonicTime Ask(const SubscriptionSettings& settings, host::MonotonicTime now);
  // How many messages to ask for now; 0 when none may be taken.
  size_t Room() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void OnMessages(absl::StatusOr<std::vector<Delivered>> delivered, uint64_t consumer);
  void OnAnswer(const Sending& sending, const absl::StatusOr<http::Response>& answer);
  void Nack(std::vector<std::string> ack_ids);
  void PostLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<PushParts> parts_;  // shared: answers may come after the service
  const std::string name_;

  // Used by the dispatcher's thread only.
  std::unique_ptr<Consumer> consumer_;
  std::chrono::seconds consumer_deadline_{0};

  mutable absl::Mutex mutex_;
  Settings settings_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;  // the consumer's Next has not answered yet
  uint64_t consumer_number_ ABSL_GUARDED_BY(mutex_) = 0;  // of the consumer that is open
  std::vector<Delivered> arrived_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> failed_ ABSL_GUARDED_BY(mutex_);  // ack ids, to be nacked
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;  // being sent, without what has just arrived
  PushWindow window_ ABSL_GUARDED_BY(mutex_);
  std::map<PushStats::Result, uint64_t> results_ ABSL_GUARDED_BY(mutex_);
  telemetry::Histogram latencies_;
};

}  // namespace afluente::broker::push
