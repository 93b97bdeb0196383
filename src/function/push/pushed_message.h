#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::function::push {

// A message as Pub/Sub posts it to a push endpoint.
struct PushedMessage {
  event::Message message;
  std::string subscription;
  // Which delivery it is; 0 where the subscription has no dead-letter policy, so that nobody
  // counts.
  int64_t delivery_attempt = 0;
};

// Reads the body of a wrapped push ("Push subscriptions" in Pub/Sub's documentation).
// INVALID_ARGUMENT names the member that is missing or of another kind.
absl::StatusOr<PushedMessage> ReadPushedMessage(std::string_view body);

}  // namespace afluente::function::push
