#include "warehouse/attributes_json.h"

#include "schema/utf8.h"
#include "telemetry/json_string.h"

namespace afluente::warehouse {
std::string AsUtf8(std::string_view bytes) {
  if (schema::IsUtf8(bytes)) return std::string(bytes);
  std::string text;
  for (size_t i = 0; i < bytes.size();) {
    size_t length = 1;
    while (length <= 4 && i + length <= bytes.size() && !schema::IsUtf8(bytes.substr(i, length)))
      ++length;
    bool valid = length <= 4 && i + length <= bytes.size();
    text += valid ? bytes.substr(i, length) : std::string_view("\xEF\xBF\xBD");
    i += valid ? length : 1;
  }
  return text;
}

std::string AttributesJson(const event::Attributes& attributes) {
  std::string json = "{";
  for (const auto& [key, value] : attributes) {
    if (json.size() > 1) json += ',';
    telemetry::AppendJsonString(json, key);
    json += ':';
    telemetry::AppendJsonString(json, value);
  }
  return json + "}";
}

}  // namespace afluente::warehouse
