#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace afluente::schema {

// Small text functions over std::string_view, which Debian's abseil does not take.

inline void AppendPiece(std::string* text, std::string_view piece) { text->append(piece); }
template <std::integral T>
void AppendPiece(std::string* text, T number) {
  text->append(std::to_string(number));
}

// The pieces (texts and whole numbers) one after the other.
template <typename... Pieces>
std::string Concat(const Pieces&... pieces) {
  std::string text;
  (AppendPiece(&text, pieces), ...);
  return text;
}

inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsAlpha(char c) { return ToLower(c) >= 'a' && ToLower(c) <= 'z'; }
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Of ASCII letters; other bytes must be equal.
inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ToLower(a[i]) != ToLower(b[i])) return false;
  }
  return true;
}

inline std::string Lowercase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLower(c);
  return lower;
}

inline std::string_view StripSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace afluente::schema
