#include "broker/wire/json_shape.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string InMessage(const Descriptor& type, const nlohmann::json& json, const std::string& path);

std::string InMap(const FieldDescriptor& field, const nlohmann::json& json,
                  const std::string& path) {
  const FieldDescriptor& value = *field.message_type()->map_value();
  if (value.message_type() != nullptr || !json.is_object()) return "";
  for (const auto& [key, entry] : json.items()) {
    if (entry.is_structured()) return absl::StrCat(path, ".", key);
  }
  return "";
}

std::string InField(const FieldDescriptor& field, const nlohmann::json& json,
                    const std::string& path) {
  if (field.is_map()) return InMap(field, json, path);
  if (field.message_type() == nullptr) return "";
  if (!json.is_array()) return InMessage(*field.message_type(), json, path);
  for (size_t i = 0; i < json.size(); ++i) {
    std::string found = InMessage(*field.message_type(), json[i], absl::StrCat(path, "[", i, "]"));
    if (!found.empty()) return found;
  }
  return "";
}

std::string InMessage(const Descriptor& type, const nlohmann::json& json, const std::string& path) {
  if (!json.is_object()) return "";
  for (const auto& [name, value] : json.items()) {
    const FieldDescriptor* field = FindField(type, name);
    if (field == nullptr) continue;
    std::string found = InField(*field, value, path.empty() ? name : absl::StrCat(path, ".", name));
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace

const FieldDescriptor* FindField(const Descriptor& type, const std::string& text) {
  if (const FieldDescriptor* field = type.FindFieldByName(text)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == text) return type.field(i);
  }
  return nullptr;
}

std::string FindMisplacedValue(const Descriptor& type, std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? "" : InMessage(type, parsed, "");
}

}  // namespace afluente::broker::wire
