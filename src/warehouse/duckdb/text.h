#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace afluente::warehouse::duckdb {

// Debian's absl has a string_view of its own, which std::string_view does not convert to; these
// stand between the two.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

template <typename T>
auto Piece(const T& piece) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return ToAbsl(piece);
  } else {
    return piece;
  }
}

template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  return absl::StrCat(Piece(pieces)...);
}

template <typename... Pieces>
void StrAppend(std::string* text, const Pieces&... pieces) {
  absl::StrAppend(text, Piece(pieces)...);
}

inline bool StrContains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(ToAbsl(a), ToAbsl(b));
}

inline std::string Lower(std::string_view text) { return absl::AsciiStrToLower(ToAbsl(text)); }

}  // namespace afluente::warehouse::duckdb
