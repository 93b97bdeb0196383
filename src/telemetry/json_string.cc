#include "telemetry/json_string.h"

#include <array>
#include <cstdint>

#include "host/utf8.h"

namespace afluente::telemetry {
namespace {

// 1 for the bytes that stand for themselves inside a JSON string.
constexpr std::array<uint8_t, 256> PlainBytes() {
  std::array<uint8_t, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\' && c != 0x7f;
  return plain;
}
constexpr std::array<uint8_t, 256> kPlain = PlainBytes();

void AppendEscaped(std::string& out, uint8_t c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

uint8_t ByteAt(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

}  // namespace

size_t Utf8SequenceLength(std::string_view text) { return host::Utf8SequenceLength(text); }

bool IsUtf8(std::string_view text) { return host::IsUtf8(text); }

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  size_t i = 0;
  while (i < text.size()) {
    size_t end = i;
    while (end < text.size() && kPlain[ByteAt(text, end)]) ++end;
    out.append(text.data() + i, end - i);
    i = end;
    if (i == text.size()) break;
    const uint8_t c = ByteAt(text, i);
    if (c < 0x80) {
      AppendEscaped(out, c);
      ++i;
      continue;
    }
    const size_t length = Utf8SequenceLength(text.substr(i));
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++i;
    } else {
      out.append(text.data() + i, length);
      i += length;
    }
  }
  out += '"';
}

}  // namespace afluente::telemetry
