#include "warehouse/wire/routine_resource.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "host/check.h"
#include "schema/text.h"
#include "schema/type.h"
#include "telemetry/json_string.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::wire {
namespace {

using jobs::json;
using jobs::Member;
using jobs::ObjectOf;
using jobs::TextOf;
using schema::Concat;
using schema::Type;
using schema::TypeKind;

constexpr int kNestingMax = 15;
constexpr const char* kRoutineTypes[] = {"SCALAR_FUNCTION", "TABLE_VALUED_FUNCTION", "PROCEDURE"};

// BigQuery's StandardSqlDataType.
json TypeToJson(const Type& type) {
  switch (type.kind) {
    case TypeKind::kArray:
      return {{"typeKind", "ARRAY"}, {"arrayElementType", TypeToJson(type.element())}};
    case TypeKind::kRange:
      return {{"typeKind", "RANGE"}, {"rangeElementType", TypeToJson(type.fields[0].type)}};
    case TypeKind::kStruct: {
      json fields = json::array();
      for (const schema::Field& field : type.fields) {
        fields.push_back({{"name", field.name}, {"type", TypeToJson(field.type)}});
      }
      json members = {{"fields", std::move(fields)}};
      return {{"typeKind", "STRUCT"}, {"structType", std::move(members)}};
    }
    default:
      return {{"typeKind", type.ToString()}};
  }
}

std::string QuotedName(const std::string& name) {
  std::string quoted = "`";
  for (char c : name) {
    if (c == '`' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "`";
}

// JSON's escapes are GoogleSQL's too.
std::string QuotedText(const std::string& text) {
  std::string quoted;
  telemetry::AppendJsonString(quoted, text);
  return quoted;
}

// The type as GoogleSQL writes it.
absl::StatusOr<std::string> TypeText(const json& type, int depth) {
  if (depth > kNestingMax) return absl::InvalidArgumentError("a type is nested too deep");
  const std::string kind = TextOf(type, "typeKind");
  if (kind == "ARRAY" || kind == "RANGE") {
    const char* key = kind == "ARRAY" ? "arrayElementType" : "rangeElementType";
    AFLUENTE_ASSIGN_OR_RETURN(const std::string element, TypeText(ObjectOf(type, key), depth + 1));
    return Concat(kind, "<", element, ">");
  }
  if (kind == "STRUCT") {
    std::string fields;
    for (const json& member : jobs::ObjectOrArray(ObjectOf(type, "structType"), "fields")) {
      AFLUENTE_ASSIGN_OR_RETURN(const std::string inner,
                                TypeText(ObjectOf(member, "type"), depth + 1));
      const std::string name = TextOf(member, "name");
      fields +=
          Concat(fields.empty() ? "" : ", ", name.empty() ? "" : QuotedName(name), " ", inner);
    }
    return Concat("STRUCT<", fields, ">");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const Type parsed, schema::ParseType(kind));
  return parsed.ToString();
}

absl::StatusOr<std::string> ArgumentText(const json& argument, bool of_procedure) {
  const std::string name = TextOf(argument, "name");
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return schema::IsAlpha(c) || schema::IsDigit(c) || c == '_';
  });
  if (name.empty() || !plain) {
    return absl::InvalidArgumentError("Invalid value for name of an argument: it is a word");
  }
  const std::string kind = TextOf(argument, "argumentKind", "FIXED_TYPE");
  if (kind != "FIXED_TYPE" && kind != "ANY_TYPE") {
    return absl::UnimplementedError(Concat("argumentKind ", kind, " is not supported"));
  }
  std::string text;
  const std::string mode = TextOf(argument, "mode", "MODE_UNSPECIFIED");
  if (mode != "MODE_UNSPECIFIED") {
    if (!of_procedure || (mode != "IN" && mode != "OUT" && mode != "INOUT")) {
      return absl::InvalidArgumentError(Concat("Invalid value for mode of argument ", name));
    }
    text = Concat(mode, " ");
  }
  if (kind == "ANY_TYPE") return Concat(text, QuotedName(name), " ANY TYPE");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string type, TypeText(ObjectOf(argument, "dataType"), 0));
  return Concat(text, QuotedName(name), " ", type);
}

absl::Status RefuseUnsupported(const json& resource) {
  for (const char* key : {"description", "importedLibraries", "remoteFunctionOptions",
                          "sparkOptions", "dataGovernanceType", "returnTableType", "securityMode",
                          "pythonOptions", "externalRuntimeOptions"}) {
    const json* given = Member(resource, key);
    if (given != nullptr && !given->empty() && *given != "") {
      return absl::UnimplementedError(Concat(key, " of a routine is not supported"));
    }
  }
  const bool lenient = !jobs::BoolOf(resource, "strictMode", true);
  if (!lenient) return absl::OkStatus();
  return absl::UnimplementedError("strictMode: false is not supported: bodies are always checked");
}

absl::StatusOr<std::string> BodyText(const json& resource, const std::string& routine_type) {
  const std::string body = TextOf(resource, "definitionBody");
  if (body.empty()) {
    return absl::InvalidArgumentError("Required parameter is missing: definitionBody");
  }
  if (routine_type == "PROCEDURE") {
    const std::string start = schema::Lowercase(schema::StripSpace(body).substr(0, 5));
    if (start == "begin") return Concat(" ", body);
    const char* end = schema::StripSpace(body).ends_with(';') ? "\nEND" : "\n;\nEND";
    return Concat(" BEGIN\n", body, end);
  }
  const std::string language = TextOf(resource, "language", "SQL");
  if (language == "JAVASCRIPT") return Concat(" LANGUAGE js AS ", QuotedText(body));
  if (language != "SQL" && language != "LANGUAGE_UNSPECIFIED") {
    return absl::UnimplementedError(Concat("language ", language, " is not supported"));
  }
  return routine_type == "SCALAR_FUNCTION" ? Concat(" AS (", body, "\n)")
                                           : Concat(" AS ", body, "\n");
}

}  // namespace

json RoutineToJson(const Routine& routine) {
  const TableName& name = routine.name;
  const std::string created = std::to_string(routine.created_micros / 1'000);
  json out = {{"routineType", kRoutineTypes[static_cast<size_t>(routine.kind)]},
              {"language", routine.language},
              {"definitionBody", routine.body},
              {"creationTime", created},
              {"lastModifiedTime", created}};
  out["routineReference"] = {
      {"projectId", name.project}, {"datasetId", name.dataset}, {"routineId", name.table}};
  if (routine.result) out["returnType"] = TypeToJson(*routine.result);
  for (const RoutineArgument& argument : routine.arguments) {
    json one = {{"name", argument.name}};
    if (!argument.mode.empty()) one["mode"] = argument.mode;
    if (argument.type) {
      one["dataType"] = TypeToJson(*argument.type);
    } else {
      one["argumentKind"] = "ANY_TYPE";
    }
    out["arguments"].push_back(std::move(one));
  }
  return out;
}

absl::StatusOr<std::string> CreateStatementOf(const json& resource, const TableName& name,
                                              bool replace) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(resource));
  const std::string type = TextOf(resource, "routineType");
  const char* created = type == "SCALAR_FUNCTION"         ? "FUNCTION "
                        : type == "TABLE_VALUED_FUNCTION" ? "TABLE FUNCTION "
                        : type == "PROCEDURE"             ? "PROCEDURE "
                                                          : nullptr;
  if (created == nullptr) {
    return absl::UnimplementedError(
        Concat("routineType ", type.empty() ? "(none)" : type, " is not supported"));
  }
  std::string text =
      Concat(replace ? "CREATE OR REPLACE " : "CREATE ", created, QuotedName(name.project), ".",
             QuotedName(name.dataset), ".", QuotedName(name.table), "(");
  std::string separator;
  for (const json& argument : jobs::ObjectOrArray(resource, "arguments")) {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string one, ArgumentText(argument, type == "PROCEDURE"));
    text += Concat(separator, one);
    separator = ", ";
  }
  text += ")";
  if (const json* result = Member(resource, "returnType")) {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string written, TypeText(*result, 0));
    text += Concat(" RETURNS ", written);
  }
  const std::string determinism = TextOf(resource, "determinismLevel");
  if (determinism == "DETERMINISTIC") text += " DETERMINISTIC";
  if (determinism == "NOT_DETERMINISTIC") text += " NOT DETERMINISTIC";
  AFLUENTE_ASSIGN_OR_RETURN(const std::string body, BodyText(resource, type));
  return text + body;
}

}  // namespace afluente::warehouse::wire
