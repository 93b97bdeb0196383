#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace afluente::warehouse::googlesql {

// Debian's abseil has a string_view of its own, so joining std::string_view is done here.
inline void AppendPiece(std::string* out, std::string_view piece) { out->append(piece); }
template <std::integral Number>
void AppendPiece(std::string* out, Number piece) {
  out->append(std::to_string(piece));
}

template <typename... Pieces>
void Append(std::string* out, const Pieces&... pieces) {
  (AppendPiece(out, pieces), ...);
}

template <typename... Pieces>
std::string Cat(const Pieces&... pieces) {
  std::string out;
  Append(&out, pieces...);
  return out;
}

std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
bool SameName(std::string_view a, std::string_view b);  // ASCII letters' case aside

}  // namespace afluente::warehouse::googlesql
