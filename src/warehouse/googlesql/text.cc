#include "warehouse/googlesql/text.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace afluente::warehouse::googlesql {

std::string Upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = absl::ascii_toupper(c);
  return result;
}

std::string Lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = absl::ascii_tolower(c);
  return result;
}

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return absl::ascii_tolower(x) == absl::ascii_tolower(y);
  });
}

}  // namespace afluente::warehouse::googlesql
