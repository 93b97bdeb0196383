#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace afluente::warehouse::bigquery {

// Members of answers that nobody here wrote: what is missing or of another kind is null, empty or
// nothing to walk, and nothing throws.

inline const nlohmann::json& Member(const nlohmann::json& object, const char* name) {
  static const nlohmann::json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

inline const nlohmann::json& List(const nlohmann::json& object, const char* name) {
  static const nlohmann::json none = nlohmann::json::array();
  const nlohmann::json& member = Member(object, name);
  return member.is_array() ? member : none;
}

inline std::string Text(const nlohmann::json& object, const char* name) {
  const nlohmann::json& member = Member(object, name);
  return member.is_string() ? member.get<std::string>() : "";
}

}  // namespace afluente::warehouse::bigquery
