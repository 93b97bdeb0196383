#include "identity/form.h"

#include "absl/strings/str_split.h"
#include "http/target.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

std::string EncodeText(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (schema::IsAlpha(c) || schema::IsDigit(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::vector<std::string> Cookies(std::string_view text) {
  std::vector<std::string> cookies;
  for (const absl::string_view each :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ';')) {
    cookies.emplace_back(schema::StripSpace(std::string_view(each.data(), each.size())));
  }
  return cookies;
}

}  // namespace

std::optional<FormFields> ParseForm(std::string_view text) {
  FormFields fields;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = http::DecodeText(pair.substr(0, equals), true, "a field");
    auto value = http::DecodeText(pair.substr(std::min(equals + 1, pair.size())), true, "a field");
    if (!name.ok() || !value.ok()) return std::nullopt;
    fields.emplace_back(*std::move(name), *std::move(value));
  }
  return fields;
}

std::string EncodeForm(const FormFields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += EncodeText(name) + "=" + EncodeText(value);
  }
  return text;
}

std::string OnlyField(const FormFields& fields, std::string_view name) {
  const std::string* found = nullptr;
  for (const auto& [each, value] : fields) {
    if (each != name) continue;
    if (found != nullptr) return "";
    found = &value;
  }
  return found == nullptr ? "" : *found;
}

std::string OnlyCookie(std::string_view cookies, std::string_view name) {
  FormFields fields;
  for (const std::string& cookie : Cookies(cookies)) {
    const size_t equals = std::min(cookie.find('='), cookie.size());
    fields.emplace_back(cookie.substr(0, equals),
                        cookie.substr(std::min(equals + 1, cookie.size())));
  }
  return OnlyField(fields, name);
}

std::string WithoutCookies(std::string_view cookies, std::string_view prefix) {
  std::string kept;
  for (const std::string& cookie : Cookies(cookies)) {
    if (cookie.empty() || std::string_view(cookie).starts_with(prefix)) continue;
    kept += (kept.empty() ? "" : "; ") + cookie;
  }
  return kept;
}

std::string HtmlText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace afluente::identity
