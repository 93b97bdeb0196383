#include "broker/ack_id.h"

#include <charconv>

namespace afluente::broker {

std::string FormatAckId(const AckId& id) {
  char text[3 * 16 + 2];
  char* end = std::to_chars(text, text + 16, id.subscription, 16).ptr;
  *end++ = '-';
  end = std::to_chars(end, end + 16, id.sequence, 16).ptr;
  *end++ = '-';
  end = std::to_chars(end, end + 16, id.generation, 16).ptr;
  return std::string(text, end);
}

std::optional<AckId> ParseAckId(std::string_view text) {
  AckId id;
  const char* at = text.data();
  const char* end = at + text.size();
  for (uint64_t* field : {&id.subscription, &id.sequence, &id.generation}) {
    auto [next, error] = std::from_chars(at, end, *field, 16);
    if (error != std::errc()) return std::nullopt;
    bool last = field == &id.generation;
    if (last ? next != end : next == end || *next != '-') return std::nullopt;
    at = next + 1;
  }
  return id;
}

}  // namespace afluente::broker
