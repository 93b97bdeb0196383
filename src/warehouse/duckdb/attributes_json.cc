#include "warehouse/duckdb/attributes_json.h"

#include "absl/strings/str_format.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (char c : AsUtf8(text)) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      json += absl::StrFormat("\\u%04x", static_cast<unsigned char>(c));
    } else {
      json += c;
    }
  }
  return json + "\"";
}

}  // namespace

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
    json += schema::Concat(json.size() == 1 ? "" : ",", JsonString(key), ":", JsonString(value));
  }
  return json + "}";
}

}  // namespace afluente::warehouse::duckdb
