#include "api/openapi.h"

#include <nlohmann/json.hpp>
#include <set>

#include "api/endpoint.h"
#include "schema/text.h"

namespace afluente::api {
namespace {

using Json = nlohmann::ordered_json;
using schema::Concat;
using schema::TypeKind;

// The JSON of a type's values, never null.
Json TypeSchema(const schema::Type& type);

Json DecimalSchema(std::string_view description) {
  return {{"type", "string"},
          {"pattern", "^-?[0-9]+(\\.[0-9]+)?$"},
          {"description", std::string(description)}};
}

Json OrNull(Json schema) {
  if (schema.contains("type")) {
    schema["type"] = Json::array({schema["type"], "null"});
  } else if (schema.contains("anyOf")) {
    schema["anyOf"].push_back({{"type", "null"}});
  }
  return schema;
}

Json StructSchema(const schema::Type& type) {
  Json properties = Json::object();
  for (size_t i = 0; i < type.fields.size(); ++i) {
    const schema::Field& field = type.fields[i];
    const std::string name = field.name.empty() ? Concat("_field_", i + 1) : field.name;
    properties[name] = OrNull(TypeSchema(field.type));
  }
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

Json TypeSchema(const schema::Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return {{"type", "boolean"}};
    case TypeKind::kInt64:
      return {{"type", "integer"}, {"format", "int64"}};
    case TypeKind::kFloat64:
      return {{"anyOf", Json::array({{{"type", "number"}, {"format", "double"}},
                                     {{"type", "string"},
                                      {"enum", Json::array({"NaN", "Infinity", "-Infinity"})}}})}};
    case TypeKind::kNumeric:
      return DecimalSchema("NUMERIC: 29 digits before and 9 after the point");
    case TypeKind::kBigNumeric:
      return DecimalSchema("BIGNUMERIC: 38 digits before and 38 after the point");
    case TypeKind::kString:
      return {{"type", "string"}};
    case TypeKind::kBytes:
      return {{"type", "string"}, {"contentEncoding", "base64"}};
    case TypeKind::kDate:
      return {{"type", "string"}, {"format", "date"}};
    case TypeKind::kDatetime:
      return {{"type", "string"}, {"description", "DATETIME: YYYY-MM-DDTHH:MM:SS[.ffffff]"}};
    case TypeKind::kTime:
      return {{"type", "string"}, {"description", "TIME: HH:MM:SS[.ffffff]"}};
    case TypeKind::kTimestamp:
      return {{"type", "string"}, {"format", "date-time"}};
    case TypeKind::kJson:
      return Json::object();  // any value
    case TypeKind::kArray:
      return {{"type", "array"}, {"items", OrNull(TypeSchema(type.element()))}};
    case TypeKind::kStruct:
      return StructSchema(type);
  }
  return Json::object();
}

Json ColumnSchema(const schema::Column& column) {
  Json schema = TypeSchema(column.type);
  if (column.mode == schema::Mode::kNullable) schema = OrNull(std::move(schema));
  if (!column.description.empty()) schema["description"] = column.description;
  schema["x-googlesql-type"] = column.type.ToString();
  return schema;
}

Json ParameterSchema(const schema::Type& type) {
  switch (type.kind) {
    case TypeKind::kArray:
      return {{"type", "array"}, {"items", ParameterSchema(type.element())}, {"minItems", 1}};
    case TypeKind::kJson:
      return {{"type", "string"}, {"contentMediaType", "application/json"}};
    default:
      return TypeSchema(type);
  }
}

Json Parameters(const ServedEndpoint& served) {
  Json parameters = Json::array();
  for (const spec::EndpointParameter& parameter : served.endpoint().parameters) {
    const bool in_path = served.InPath(parameter.name);
    Json entry = {{"name", parameter.name},
                  {"in", in_path ? "path" : "query"},
                  {"required", true},
                  {"description", parameter.type.ToString()},
                  {"schema", ParameterSchema(parameter.type)}};
    if (!in_path && parameter.type.kind == TypeKind::kArray) {
      entry["style"] = "form";
      entry["explode"] = true;
    }
    parameters.push_back(std::move(entry));
  }
  return parameters;
}

Json RowSchema(const ServedEndpoint& served) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const schema::Column& column : served.columns()) {
    properties[column.name] = ColumnSchema(column);
    required.push_back(column.name);
  }
  Json row = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) row["required"] = std::move(required);
  return row;
}

Json ProblemResponse(std::string_view description) {
  return {
      {"description", std::string(description)},
      {"content",
       {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

Json Responses(const ServedEndpoint& served) {
  Json answer = {{"type", "object"},
                 {"properties",
                  {{"rows", {{"type", "array"}, {"items", RowSchema(served)}}},
                   {"next_cursor", {{"type", Json::array({"string", "null"})}}}}},
                 {"required", Json::array({"rows", "next_cursor"})}};
  const Json text = {{"schema", {{"type", "string"}}}};
  Json responses;
  responses["200"] = {{"description", "The rows; none is an empty list"},
                      {"content",
                       {{"application/json", {{"schema", std::move(answer)}}},
                        {"application/x-ndjson", text},
                        {"text/csv", text}}}};
  for (const auto& [status, description] :
       std::initializer_list<std::pair<const char*, const char*>>{
           {"400", "A parameter is missing, unknown, repeated or not of its type"},
           {"403", "The request's Host or Origin is not accepted"},
           {"404", "There is nothing at this path"},
           {"406", "None of the formats that Accept names is offered"},
           {"422", "The statement failed for these parameters, or the answer is too large"},
           {"500", "The statement failed"},
           {"503", "Too many requests are waiting, or the warehouse cannot answer now"},
           {"504", "The statement did not finish in time"},
           {"default", "Any other refusal"}}) {
    responses[status] = ProblemResponse(description);
  }
  return responses;
}

// "/app_info/{app_id}:{x}" -> "app_info_app_id_x", with a number where it is taken.
std::string OperationId(const std::string& path, std::set<std::string>& taken) {
  std::string id;
  for (const char c : path) {
    const bool word = schema::IsAlpha(c) || schema::IsDigit(c);
    if (word) {
      id += c;
    } else if (!id.empty() && id.back() != '_') {
      id += '_';
    }
  }
  while (!id.empty() && id.back() == '_') id.pop_back();
  if (id.empty() || schema::IsDigit(id[0])) id.insert(0, "get_");
  std::string unique = id;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = Concat(id, "_", i);
  return unique;
}

Json Operation(const ServedEndpoint& served, uint64_t rows_max, std::set<std::string>& taken) {
  const spec::Endpoint& endpoint = served.endpoint();
  std::string description =
      Concat("At most ", rows_max, " rows; an answer with more is refused with 422.");
  if (served.HasSuffixes()) {
    description += " Also with .csv or .ndjson after the path.";
  }
  return {{"operationId", OperationId(endpoint.path, taken)},
          {"summary", endpoint.summary.empty() ? endpoint.path : endpoint.summary},
          {"description", std::move(description)},
          {"parameters", Parameters(served)},
          {"responses", Responses(served)}};
}

Json HealthOperation() {
  const Json status = {{"type", "object"},
                       {"properties", {{"status", {{"type", "string"}, {"const", "ok"}}}}},
                       {"required", Json::array({"status"})}};
  return {{"operationId", "health"},
          {"summary", "Whether the API is up"},
          {"responses",
           {{"200",
             {{"description", "It is"}, {"content", {{"application/json", {{"schema", status}}}}}}},
            {"default", ProblemResponse("Any refusal")}}}};
}

}  // namespace

std::string OpenApiDocument(const std::vector<const ServedEndpoint*>& endpoints,
                            const std::string& title, const std::string& version,
                            uint64_t rows_max) {
  std::set<std::string> taken = {"health"};
  Json paths = Json::object();
  for (const ServedEndpoint* served : endpoints) {
    paths[served->endpoint().path]["get"] = Operation(*served, rows_max, taken);
  }
  paths["/health"]["get"] = HealthOperation();
  const Json problem = {{"type", "object"},
                        {"description", "Problem details (RFC 9457)"},
                        {"properties",
                         {{"type", {{"type", "string"}, {"format", "uri-reference"}}},
                          {"title", {{"type", "string"}}},
                          {"status", {{"type", "integer"}}},
                          {"detail", {{"type", "string"}}}}},
                        {"required", Json::array({"type", "title", "status", "detail"})}};
  const Json document = {
      {"openapi", "3.1.0"},
      {"info", {{"title", title}, {"version", version}}},
      {"servers", Json::array({{{"url", "."}, {"description", "Where this document is"}}})},
      {"paths", std::move(paths)},
      {"components", {{"schemas", {{"Problem", problem}}}}}};
  return document.dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace afluente::api
