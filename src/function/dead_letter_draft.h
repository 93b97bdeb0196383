#pragma once

#include <cstdint>
#include <string>

#include "event/message.h"

namespace afluente::function {

// The message that a dead-letter topic gets: the original with Pub/Sub's CloudPubSubDeadLetter*
// attributes ("Dead-letter topics" in Pub/Sub's documentation); the function stands where Pub/Sub
// names the subscription.
event::Draft DeadLetterDraft(const event::Message& message, const std::string& topic,
                             const std::string& function, int64_t attempts);

}  // namespace afluente::function
