#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/remote_topic.h"
#include "event/message.h"
#include "host/clock.h"

namespace afluente::broker {
class Subscriptions;
}  // namespace afluente::broker

namespace afluente::source {

// Names a forwarded message at its origin, the same whenever it is sent: the far side can tell a
// message that came twice. projects/P/topics/T/MESSAGE-ID.
inline constexpr std::string_view kForwardIdAttribute = "afluente_forward_id";
inline constexpr std::string_view kForwardTimeAttribute = "afluente_forward_publish_time";
// Why the far side refused it, of a message in the topic of those.
inline constexpr std::string_view kForwardErrorAttribute = "afluente_forward_error";

struct ForwardSettings {
  std::string topic;          // ours, full name
  std::string subscription;   // ours, which is the durable cursor
  std::string remote_topic;   // theirs, full name
  std::string refused_topic;  // ours: what the far side refuses for itself goes there
  double rate = 0;            // messages a second; 0 = no limit
};

// Sends a topic's messages on to another Pub/Sub: at least once, in order per ordering key, as fast
// as the rate allows. While the far side cannot be reached the messages wait in the topic. One that
// it refuses for itself (INVALID_ARGUMENT) is singled out by halving its batch, published to the
// topic of the refused, and only then acknowledged. Has a thread of its own.
class Forwarder {
 public:
  static std::unique_ptr<Forwarder> Create(ForwardSettings settings,
                                           broker::Subscriptions& subscriptions,
                                           broker::Publisher& publisher,
                                           std::unique_ptr<broker::RemoteTopic> remote,
                                           const host::Clock& clock);
  // Stops it; what was sent and not acknowledged is sent again by the next one.
  virtual ~Forwarder() = default;
};

// The message as it is sent on, its id and time with it; nullopt for one that began at `topic`: a
// ring of forwards ends where it began. Pure.
std::optional<event::Draft> ToForward(const std::string& topic, const event::Message& message);

}  // namespace afluente::source
