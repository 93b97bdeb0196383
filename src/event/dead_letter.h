#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "event/message.h"

namespace afluente::event {

// The message that a dead-letter topic gets: the original with Pub/Sub's CloudPubSubDeadLetter*
// attributes ("Dead-letter topics" in Pub/Sub's documentation), which name the subscription's id,
// its project and how often the message was delivered.
Draft DeadLetterDraft(const Message& message, std::string_view project,
                      std::string_view subscription, int64_t attempts);

}  // namespace afluente::event
