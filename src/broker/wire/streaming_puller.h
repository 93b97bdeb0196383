#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/wire/client.h"
#include "host/clock.h"

namespace afluente::broker::wire {

struct PullerOptions {
  std::string subscription;  // full name
  // Held at once; Pub/Sub sends no more before some are settled.
  int64_t messages_max = 1'000;
  int64_t bytes_max = 32 << 20;
  std::chrono::seconds ack_deadline{60};   // prolonged at half of it
  std::chrono::seconds hold_max{60 * 60};  // then the message may go to another
  std::chrono::milliseconds pause_first{100};
  std::chrono::milliseconds pause_max{10'000};
};

// Takes a subscription's messages by StreamingPull, for as long as it lives: opens the stream again
// when Pub/Sub ends it, prolongs the leases of what is not settled, and sends acks and nacks
// together. A lost ack brings its message again. Thread-safe; two threads of its own.
class StreamingPuller {
 public:
  // Called on a thread of the puller's, one message at a time; must not block.
  using Deliver = std::function<void(Received received, StreamingPuller& puller)>;

  static std::unique_ptr<StreamingPuller> Start(const std::string& address,
                                                const ClientOptions& client, PullerOptions options,
                                                Deliver deliver, const host::Clock& clock);
  // Sends what was settled, within some seconds. What is not settled comes again when its lease
  // ends.
  virtual ~StreamingPuller() = default;

  // Done with a message for good, or not: then Pub/Sub brings it again by its retry policy. Does
  // not block.
  virtual void Settle(std::string ack_id, bool acknowledged) = 0;
  // Nothing is delivered afterwards; what was delivered can still be settled.
  virtual void StopReceiving() = 0;
};

}  // namespace afluente::broker::wire
