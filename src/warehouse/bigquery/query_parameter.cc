#include "warehouse/bigquery/query_parameter.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "schema/format_value.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::TypeKind;
using schema::Value;

json TypeOf(const schema::Type& type) {
  if (type.kind == TypeKind::kArray) {
    return {{"type", "ARRAY"}, {"arrayType", TypeOf(type.element())}};
  }
  if (type.kind != TypeKind::kStruct) return {{"type", type.ToString()}};
  json fields = json::array();
  for (const schema::Field& field : type.fields) {
    fields.push_back({{"name", field.name}, {"type", TypeOf(field.type)}});
  }
  return {{"type", "STRUCT"}, {"structTypes", std::move(fields)}};
}

std::string ScalarText(TypeKind kind, const Value& value) {
  switch (kind) {
    case TypeKind::kBool:
      return std::get<bool>(value.data) ? "true" : "false";
    case TypeKind::kInt64:
      return std::to_string(std::get<int64_t>(value.data));
    case TypeKind::kFloat64:
      return schema::FormatFloat64(std::get<double>(value.data));
    case TypeKind::kBytes:
      return schema::FormatBase64(std::get<std::string>(value.data));
    case TypeKind::kDate:
      return schema::FormatDate(std::get<int64_t>(value.data));
    case TypeKind::kTime:
      return schema::FormatTime(std::get<int64_t>(value.data));
    case TypeKind::kDatetime:
      return schema::FormatDatetime(std::get<int64_t>(value.data));
    case TypeKind::kTimestamp:
      return schema::FormatRfc3339(std::get<int64_t>(value.data));
    default:
      return std::get<std::string>(value.data);
  }
}

// NULL has no `value`; an empty array has an empty list, which is what BigQuery makes of NULL too.
json ValueOf(const schema::Type& type, const Value& value) {
  if (value.is_null()) return json::object();
  if (type.kind == TypeKind::kArray) {
    json elements = json::array();
    for (const Value& element : std::get<Value::List>(value.data)) {
      elements.push_back(ValueOf(type.element(), element));
    }
    return {{"arrayValues", std::move(elements)}};
  }
  if (type.kind != TypeKind::kStruct) return {{"value", ScalarText(type.kind, value)}};
  json fields = json::object();
  const auto& list = std::get<Value::List>(value.data);
  for (size_t i = 0; i < type.fields.size(); ++i) {
    fields[type.fields[i].name] = ValueOf(type.fields[i].type, list[i]);
  }
  return {{"structValues", std::move(fields)}};
}

}  // namespace

json ToQueryParameter(const Parameter& parameter) {
  return {{"name", parameter.name},
          {"parameterType", TypeOf(parameter.type)},
          {"parameterValue", ValueOf(parameter.type, parameter.value)}};
}

}  // namespace afluente::warehouse::bigquery
