#pragma once

#include <optional>

#include "broker/subscriptions.h"
#include "google/pubsub/v1/pubsub.pb.h"

namespace afluente::broker::wire {

// What a StreamingPull stream tells its client beside messages: what became of its acks and
// deadline changes, with exactly-once delivery, and the subscription's properties. Not thread-safe.
class StreamReport {
 public:
  using Response = google::pubsub::v1::StreamingPullResponse;
  enum class Kind { kAcks, kDeadlines };

  // The answer to a request.
  void Confirm(Kind kind, AckAnswer answer);
  void SetProperties(ConsumerProperties properties) { properties_ = properties; }
  const ConsumerProperties& properties() const { return properties_; }

  // Whether the client must be told something soon.
  bool pending() const { return confirms_ || (told_ && *told_ != properties_); }
  // Adds the properties to a response of messages, when the client must be told: at first, when
  // they changed, and always when there are any, as clients take their absence for a no: without
  // them Java's and Go's run the callbacks of one ordering key side by side.
  void AddProperties(Response& response);
  // A response of its own: the confirmations so far, and the properties as above. May be empty.
  Response Take();

 private:
  Response confirmations_;
  bool confirms_ = false;
  ConsumerProperties properties_;
  std::optional<ConsumerProperties> told_;
};

}  // namespace afluente::broker::wire
