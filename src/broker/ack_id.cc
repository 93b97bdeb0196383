#include "broker/ack_id.h"

#include <charconv>

namespace afluente::broker {
namespace {

constexpr char kOrdered = 'o';

}  // namespace

std::string FormatAckId(const AckId& id) {
  char text[3 * 16 + 3];
  char* end = std::to_chars(text, text + 16, id.subscription, 16).ptr;
  *end++ = '-';
  end = std::to_chars(end, end + 16, id.sequence, 16).ptr;
  *end++ = '-';
  end = std::to_chars(end, end + 16, id.generation, 16).ptr;
  if (id.ordered) *end++ = kOrdered;
  return std::string(text, end);
}

std::optional<AckId> ParseAckId(std::string_view text) {
  AckId id;
  id.ordered = text.ends_with(kOrdered);
  if (id.ordered) text.remove_suffix(1);
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
