#include "api/entity_tag.h"

#include "api/value_bytes.h"
#include "host/hmac.h"
#include "schema/text.h"

namespace afluente::api {

std::string EntityTag(std::string_view key, std::string_view asked,
                      const std::vector<warehouse::TableVersion>& versions) {
  std::string message = "tag 1";
  AppendTextBytes(message, asked);
  for (const warehouse::TableVersion& table : versions) AppendNumberBytes(message, table.version);
  return "W/\"" + UrlBase64(host::HmacSha256(key, message).substr(0, 16)) + "\"";
}

bool NoneMatchNames(std::string_view header, std::string_view tag) {
  const std::string_view opaque = tag.substr(tag.starts_with("W/") ? 2 : 0);
  if (schema::StripSpace(header) == "*") return true;
  // A tag's text holds no quote, so the quoted text alone decides.
  for (size_t at = header.find('"'); at != std::string_view::npos; at = header.find('"', at)) {
    const size_t end = header.find('"', at + 1);
    if (end == std::string_view::npos) return false;
    if (header.substr(at, end + 1 - at) == opaque) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace afluente::api
