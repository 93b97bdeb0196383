#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/publisher.h"
#include "broker/resources.h"
#include "event/message.h"

namespace afluente::broker::wire {

struct ClientOptions {
  int publishes_in_flight_max = 16;
  uint64_t bytes_in_flight_max = 16 << 20;
  std::chrono::milliseconds timeout{60'000};  // of one call
  bool tls = false;   // the server's certificate must be one that this machine trusts
  std::string token;  // sent as the bearer; empty: none
  // TLS and this machine's Google credentials (Application Default Credentials), for Google's.
  bool google = false;
};

// A message as a client receives it.
struct Received {
  std::string ack_id;
  event::Message message;        // without a sequence, which the protocol does not carry
  int64_t delivery_attempt = 0;  // 0 = the subscription does not count attempts
};

// A client of google.pubsub.v1 over gRPC, for the commands. Thread-safe. The destructor waits for
// the publishes in flight. Errors are the server's; UNAVAILABLE when it cannot be reached.
class PubsubClient {
 public:
  // `address` is HOST:PORT. Connects at the first call.
  static std::unique_ptr<PubsubClient> Create(const std::string& address,
                                              const ClientOptions& options = {});
  virtual ~PubsubClient() = default;

  // Sends a batch to `topic` and returns; blocks while too much is in flight. `done` is called
  // once, from another thread, with the message ids or the error; it must not block.
  virtual void Publish(const std::string& topic, std::vector<event::Draft> batch,
                       Publisher::Published done) = 0;
  // Answers the publishes in flight, and those to come, with CANCELLED.
  virtual void Cancel() = 0;
  // Waits until every publish is answered.
  virtual void Flush() = 0;

  // These block. EnsureTopic is OK when the topic exists already.
  virtual absl::Status EnsureTopic(const std::string& topic) = 0;
  virtual absl::Status CreateSubscription(const SubscriptionSettings& settings) = 0;
  virtual absl::Status DeleteSubscription(const std::string& subscription) = 0;
  // What is there now; none means that nothing is.
  virtual absl::StatusOr<std::vector<Received>> Pull(const std::string& subscription,
                                                     int messages_max) = 0;
  virtual absl::Status Acknowledge(const std::string& subscription,
                                   std::vector<std::string> ack_ids) = 0;
};

}  // namespace afluente::broker::wire
