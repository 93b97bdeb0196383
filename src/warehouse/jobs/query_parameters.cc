#include "warehouse/jobs/query_parameters.h"

#include "event/json_scalar.h"
#include "host/check.h"
#include "schema/json_text.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "warehouse/googlesql/positional.h"
#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;
using schema::Type;
using schema::TypeKind;
using schema::Value;

constexpr int kNestingMax = 15;

absl::StatusOr<Type> TypeFromJson(const json& in, int depth) {
  if (depth > kNestingMax) return absl::InvalidArgumentError("its type is nested too deep");
  const std::string name = TextOf(in, "type");
  if (schema::EqualsIgnoreCase(name, "ARRAY")) {
    AFLUENTE_ASSIGN_OR_RETURN(Type element, TypeFromJson(ObjectOf(in, "arrayType"), depth + 1));
    return Type::Array(std::move(element));
  }
  if (schema::EqualsIgnoreCase(name, "STRUCT") || schema::EqualsIgnoreCase(name, "RECORD")) {
    std::vector<schema::Field> fields;
    const json* members = Member(in, "structTypes");
    if (members == nullptr || !members->is_array()) {
      return absl::InvalidArgumentError("a STRUCT parameter has structTypes");
    }
    for (const json& member : *members) {
      AFLUENTE_ASSIGN_OR_RETURN(Type type, TypeFromJson(ObjectOf(member, "type"), depth + 1));
      fields.push_back({TextOf(member, "name"), std::move(type)});
    }
    return Type::Struct(std::move(fields));
  }
  if (schema::EqualsIgnoreCase(name, "RANGE")) {
    const std::string element = TextOf(ObjectOf(in, "rangeElementType"), "type");
    return schema::ParseType(Concat("RANGE<", element, ">"));
  }
  return schema::ParseType(name);
}

absl::StatusOr<Value> ScalarFromJson(const Type& type, const json& value) {
  std::string text;
  if (value.is_string()) {
    text = value.get<std::string>();
  } else if (value.is_boolean() || value.is_number()) {
    text = Dump(value);
  } else {
    return absl::InvalidArgumentError("its value is not a text");
  }
  if (type.kind == TypeKind::kString) return Value(std::move(text));
  if (type.kind == TypeKind::kJson && !schema::IsJson(text)) {
    return absl::InvalidArgumentError("its value is not JSON");
  }
  if (std::optional<Value> found = event::FromJsonString(type.kind, text)) return *found;
  return schema::ParseValue(type, text);
}

absl::StatusOr<Value> ValueFromJson(const Type& type, const json& in) {
  if (type.kind == TypeKind::kArray) {
    Value::List elements;
    const json* given = Member(in, "arrayValues");
    if (given == nullptr || !given->is_array()) return Value(std::move(elements));
    for (const json& element : *given) {
      AFLUENTE_ASSIGN_OR_RETURN(Value value, ValueFromJson(type.element(), element));
      elements.push_back(std::move(value));
    }
    return Value(std::move(elements));
  }
  if (type.kind == TypeKind::kStruct) {
    const json* given = Member(in, "structValues");
    if (given == nullptr) return Value();
    Value::List members;
    for (const schema::Field& field : type.fields) {
      const json* member = Member(*given, field.name.c_str());
      if (member == nullptr) {
        members.emplace_back();
        continue;
      }
      AFLUENTE_ASSIGN_OR_RETURN(Value value, ValueFromJson(field.type, *member));
      members.push_back(std::move(value));
    }
    return Value(std::move(members));
  }
  if (const json* range = Member(in, "rangeValue")) {
    if (type.fields.size() != 1) return absl::InvalidArgumentError("its type is no RANGE");
    AFLUENTE_ASSIGN_OR_RETURN(Value start,
                              ValueFromJson(type.fields[0].type, ObjectOf(*range, "start")));
    AFLUENTE_ASSIGN_OR_RETURN(Value end,
                              ValueFromJson(type.fields[0].type, ObjectOf(*range, "end")));
    return Value(Value::List{std::move(start), std::move(end)});
  }
  const json* value = Member(in, "value");
  if (value == nullptr) return Value();
  return ScalarFromJson(type, *value);
}

// Of a parameterValue and those inside it.
void MakeText(json& value) {
  if (!value.is_object()) return;
  for (auto& [key, member] : value.items()) {
    if (key == "value" && (member.is_number() || member.is_boolean())) member = Dump(member);
    if (key == "arrayValues" && member.is_array()) {
      for (json& element : member) MakeText(element);
    }
    if (key == "structValues" && member.is_object()) {
      for (json& field : member) MakeText(field);
    }
    if (key == "rangeValue" && member.is_object()) {
      for (json& bound : member) MakeText(bound);
    }
  }
}

}  // namespace

json WithTextValues(json configuration) {
  const json* parameters = Member(ObjectOf(configuration, "query"), "queryParameters");
  if (parameters == nullptr || !parameters->is_array()) return configuration;
  for (json& parameter : configuration["query"]["queryParameters"]) {
    if (parameter.is_object() && parameter.contains("parameterValue"))
      MakeText(parameter["parameterValue"]);
  }
  return configuration;
}

absl::StatusOr<BoundQuery> BindQuery(std::string text, const json& parameters,
                                     const std::string& mode) {
  BoundQuery bound;
  bound.text = std::move(text);
  if (!parameters.is_array() || parameters.empty()) return bound;
  const bool positional = schema::EqualsIgnoreCase(mode, "POSITIONAL") ||
                          (mode.empty() && TextOf(parameters[0], "name").empty());
  size_t index = 0;
  for (const json& in : parameters) {
    ++index;
    Parameter parameter;
    parameter.name = positional ? googlesql::PositionalName(index) : TextOf(in, "name");
    const std::string label = positional ? Concat(index) : parameter.name;
    if (parameter.name.empty()) {
      return absl::InvalidArgumentError("Named parameters need a name");
    }
    auto type = TypeFromJson(ObjectOf(in, "parameterType"), 1);
    if (!type.ok()) {
      return absl::Status(type.status().code(), Concat("Invalid query parameter ", label, ": ",
                                                       std::string(type.status().message())));
    }
    parameter.type = *std::move(type);
    auto value = ValueFromJson(parameter.type, ObjectOf(in, "parameterValue"));
    if (!value.ok()) {
      return absl::InvalidArgumentError(Concat("Invalid value for query parameter ", label, ": ",
                                               std::string(value.status().message())));
    }
    parameter.value = *std::move(value);
    bound.parameters.push_back(std::move(parameter));
  }
  if (!positional) return bound;
  AFLUENTE_ASSIGN_OR_RETURN(bound.text,
                            googlesql::NamePositional(bound.text, bound.parameters.size()));
  return bound;
}

}  // namespace afluente::warehouse::jobs
