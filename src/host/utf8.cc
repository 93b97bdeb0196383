#include "host/utf8.h"

#include <cstdint>
#include <cstring>

namespace afluente::host {
namespace {

// The length of the sequence that `lead` starts, 0 when none does.
size_t LengthAfter(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// The second byte carries the limits that rule out overlong forms, surrogates and > U+10FFFF.
bool IsSecondByte(uint8_t lead, uint8_t second) {
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return second >= low && second <= high;
}

}  // namespace

size_t Utf8SequenceLength(std::string_view text) {
  if (text.empty()) return 0;
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = LengthAfter(lead);
  if (length == 0 || text.size() < length) return 0;
  if (length > 1 && !IsSecondByte(lead, static_cast<uint8_t>(text[1]))) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool IsUtf8(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    uint64_t eight;
    if (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & 0x8080808080808080u) == 0)) {
      at += 8;
      continue;
    }
    const size_t length = Utf8SequenceLength({at, static_cast<size_t>(end - at)});
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace afluente::host
