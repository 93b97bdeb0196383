#include "api/query_string.h"

#include "schema/text.h"

namespace afluente::api {
namespace {

void AppendEncoded(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain =
        schema::IsAlpha(c) || schema::IsDigit(c) || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

}  // namespace

std::string QueryStringWithout(std::string_view name,
                               const std::vector<std::pair<std::string, std::string>>& query) {
  std::string text;
  for (const auto& [field, value] : query) {
    if (field == name) continue;
    if (!text.empty()) text += '&';
    AppendEncoded(text, field);
    text += '=';
    AppendEncoded(text, value);
  }
  return text;
}

}  // namespace afluente::api
