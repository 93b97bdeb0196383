#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace afluente::warehouse::jobs {

using nlohmann::json;

// Members of JSON objects that others wrote: absent, null or of another type is "not given".
// BigQuery writes 64-bit numbers as strings and takes both.

inline const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

inline std::string TextOf(const json& object, const char* key, std::string otherwise = "") {
  const json* found = Member(object, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : otherwise;
}

inline bool BoolOf(const json& object, const char* key, bool otherwise = false) {
  const json* found = Member(object, key);
  if (found != nullptr && found->is_boolean()) return found->get<bool>();
  if (found != nullptr && found->is_string()) return *found == "true";
  return otherwise;
}

inline std::optional<int64_t> IntOf(const json& object, const char* key) {
  const json* found = Member(object, key);
  if (found == nullptr) return std::nullopt;
  if (found->is_number_integer()) return found->get<int64_t>();
  if (!found->is_string()) return std::nullopt;
  const std::string& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > 18) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool sign = i == 0 && text[i] == '-' && text.size() > 1;
    if (!sign && (text[i] < '0' || text[i] > '9')) return std::nullopt;
  }
  return std::stoll(text);
}

inline const json& ObjectOf(const json& object, const char* key) {
  static const json kNone = json::object();
  const json* found = Member(object, key);
  return found != nullptr && found->is_object() ? *found : kNone;
}

// Invalid UTF-8 becomes U+FFFD.
inline std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// A discarded value when it is no JSON, or nested deeper than anybody's would be.
json ParseJson(std::string_view text);

}  // namespace afluente::warehouse::jobs
