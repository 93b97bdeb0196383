#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afluente::broker {

// What an ack id names: one delivery of one message of one subscription.
struct AckId {
  uint64_t subscription = 0;  // its incarnation
  uint64_t sequence = 0;
  uint64_t generation = 0;
  bool ordered = false;  // the message has a key, and the subscription keeps their order
};

std::string FormatAckId(const AckId& id);
// Nullopt when the text is none of ours.
std::optional<AckId> ParseAckId(std::string_view text);

}  // namespace afluente::broker
