#include "api/openapi.h"

#include <nlohmann/json.hpp>
#include <set>

#include "api/answer_format.h"
#include "api/endpoint.h"
#include "api/endpoint_query.h"
#include "schema/format_value.h"
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

std::string FieldName(const schema::Field& field, size_t place) {
  return field.name.empty() ? Concat("_field_", place + 1) : field.name;
}

Json StructSchema(const schema::Type& type) {
  Json properties = Json::object();
  for (size_t i = 0; i < type.fields.size(); ++i) {
    properties[FieldName(type.fields[i], i)] = OrNull(TypeSchema(type.fields[i].type));
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
    case TypeKind::kInterval:
      return {{"type", "string"}, {"description", "INTERVAL: Y-M D H:M:S[.F]"}};
    case TypeKind::kRange:
      return {{"type", "string"}, {"description", "RANGE: [start, end)"}};
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

// A value as the JSON of its type.
Json ValueJson(const schema::Type& type, const schema::Value& value) {
  if (const auto* truth = std::get_if<bool>(&value.data)) return *truth;
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    return type.kind == TypeKind::kBytes ? schema::FormatBase64(*text) : *text;
  }
  if (const auto* list = std::get_if<schema::Value::List>(&value.data)) {
    Json items = Json::array();
    for (const schema::Value& item : *list) items.push_back(ValueJson(type.element(), item));
    return items;
  }
  const auto* number = std::get_if<int64_t>(&value.data);
  if (number == nullptr) return nullptr;
  switch (type.kind) {
    case TypeKind::kDate:
      return schema::FormatDate(*number);
    case TypeKind::kTime:
      return schema::FormatTime(*number);
    case TypeKind::kDatetime:
      return schema::FormatDatetime(*number);
    case TypeKind::kTimestamp:
      return schema::FormatRfc3339(*number);
    default:
      return *number;
  }
}

// Of the elements for an ARRAY.
void AddBounds(const spec::EndpointParameter& parameter, const schema::Type& type, Json& schema) {
  for (const schema::Value& choice : parameter.choices) {
    schema["enum"].push_back(ValueJson(type, choice));
  }
  const bool number = type.kind == TypeKind::kInt64 || type.kind == TypeKind::kFloat64;
  for (const auto& [key, bound] :
       {std::pair("minimum", &parameter.minimum), std::pair("maximum", &parameter.maximum)}) {
    if (!bound->has_value()) continue;
    // JSON Schema compares numbers alone.
    schema[number ? key : Concat("x-", key)] = ValueJson(type, **bound);
  }
}

Json BoundedSchema(const spec::EndpointParameter& parameter) {
  Json schema = ParameterSchema(parameter.type);
  if (parameter.type.kind == TypeKind::kArray) {
    AddBounds(parameter, parameter.type.element(), schema["items"]);
  } else {
    AddBounds(parameter, parameter.type, schema);
  }
  if (parameter.default_value.has_value()) {
    schema["default"] = ValueJson(parameter.type, *parameter.default_value);
  }
  return schema;
}

Json Control(std::string_view name, std::string_view description, Json schema) {
  return {{"name", std::string(name)},
          {"in", "query"},
          {"required", false},
          {"description", std::string(description)},
          {"schema", std::move(schema)}};
}

void AddControls(const ServedEndpoint& served, Json& parameters) {
  const ControlRules& rules = served.query().rules();
  const auto list = [](Json choices) -> Json {
    return {{"type", "array"},
            {"items", {{"type", "string"}, {"enum", std::move(choices)}}},
            {"minItems", 1},
            {"uniqueItems", true}};
  };
  const auto add_list = [&](std::string_view name, std::string_view text, Json choices) {
    Json control = Control(name, text, list(std::move(choices)));
    control["style"] = "form";
    control["explode"] = true;
    parameters.push_back(std::move(control));
  };
  if (rules.paged) {
    parameters.push_back(Control("page_size", "Rows of a page",
                                 {{"type", "integer"},
                                  {"minimum", 1},
                                  {"maximum", rules.page_size_max},
                                  {"default", *served.endpoint().page_size}}));
    parameters.push_back(Control("cursor", "The page after the one whose next_cursor this is",
                                 {{"type", "string"}}));
  }
  Json sortable = Json::array();
  for (const size_t column : rules.order_by) {
    sortable.push_back(rules.columns[column].name);
    sortable.push_back("-" + rules.columns[column].name);
  }
  if (!sortable.empty()) {
    add_list("order_by", "Columns to sort by, with '-' before descending ones",
             std::move(sortable));
  }
  Json names = Json::array();
  for (const schema::Column& column : rules.columns) names.push_back(column.name);
  add_list("fields", "The columns to answer, all of them by default", std::move(names));
}

Json Parameters(const ServedEndpoint& served) {
  Json parameters = Json::array();
  for (const spec::EndpointParameter& parameter : served.endpoint().parameters) {
    const bool in_path = served.InPath(parameter.name);
    const std::string type = parameter.type.ToString();
    Json entry = {
        {"name", parameter.name},
        {"in", in_path ? "path" : "query"},
        {"required", !parameter.optional && !parameter.default_value.has_value()},
        {"description",
         parameter.description.empty() ? type : Concat(parameter.description, " (", type, ")")},
        {"schema", BoundedSchema(parameter)}};
    if (parameter.example.has_value()) {
      entry["example"] = ValueJson(parameter.type, *parameter.example);
    }
    if (!in_path && parameter.type.kind == TypeKind::kArray) {
      entry["style"] = "form";
      entry["explode"] = true;
    }
    parameters.push_back(std::move(entry));
  }
  AddControls(served, parameters);
  return parameters;
}

Json RowSchema(const ServedEndpoint& served) {
  // None is required: ?fields= may leave any out.
  Json properties = Json::object();
  for (const schema::Column& column : served.columns()) {
    properties[column.name] = ColumnSchema(column);
  }
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

Json ProblemResponse(std::string_view description) {
  return {
      {"description", std::string(description)},
      {"content",
       {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

Json AnswerHeaders(const ServedEndpoint& served) {
  const auto header = [](std::string_view description, std::string_view type) -> Json {
    return {{"description", std::string(description)}, {"schema", {{"type", std::string(type)}}}};
  };
  Json headers;
  headers["X-Request-Id"] = header("The request's id, for the log", "string");
  if (served.query().deterministic()) {
    headers["ETag"] = header("For If-None-Match; the same while the answer is", "string");
  }
  headers["X-Data-Freshness"] = header(
      "When the newest message in the tables was published, where functions feed them", "string");
  if (served.query().rules().paged) {
    headers["Link"] = header("rel=\"next\": the next page (RFC 8288)", "string");
  }
  if (served.endpoint().rate_limit.has_value()) {
    headers["X-RateLimit-Limit"] = header("Requests the caller may make at once", "integer");
    headers["X-RateLimit-Remaining"] = header("Those that are left", "integer");
    headers["X-RateLimit-Reset"] = header("Seconds until all are back", "integer");
  }
  return headers;
}

// A value of the type that stands for any.
Json SampleValue(const schema::Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return true;
    case TypeKind::kInt64:
      return 1;
    case TypeKind::kFloat64:
      return 1.5;
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return "1.5";
    case TypeKind::kString:
      return "text";
    case TypeKind::kBytes:
      return "Ynl0ZXM=";
    case TypeKind::kDate:
      return "2026-01-31";
    case TypeKind::kDatetime:
      return "2026-01-31T12:30:00";
    case TypeKind::kTime:
      return "12:30:00";
    case TypeKind::kTimestamp:
      return "2026-01-31T12:30:00Z";
    case TypeKind::kJson:
      return Json::object();
    case TypeKind::kArray:
      return Json::array({SampleValue(type.element())});
    case TypeKind::kStruct: {
      Json fields = Json::object();
      for (size_t i = 0; i < type.fields.size(); ++i) {
        fields[FieldName(type.fields[i], i)] = SampleValue(type.fields[i].type);
      }
      return fields;
    }
    case TypeKind::kInterval:
      return "0-0 1 0:0:0";
    case TypeKind::kRange:
      return "[2026-01-01, 2026-02-01)";
  }
  return nullptr;
}

// `rows` from the data, or one made up.
Json ExampleAnswer(const ServedEndpoint& served, const std::map<std::string, std::string>& rows) {
  const auto found = rows.find(served.endpoint().path);
  if (found != rows.end()) {
    Json read = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    if (read.is_array()) return {{"rows", std::move(read)}, {"next_cursor", nullptr}};
  }
  Json row = Json::object();
  for (const schema::Column& column : served.columns()) {
    row[column.name] = SampleValue(column.type);
  }
  return {{"rows", Json::array({std::move(row)})}, {"next_cursor", nullptr}};
}

Json Responses(const ServedEndpoint& served, Json example) {
  Json answer = {{"type", "object"},
                 {"properties",
                  {{"rows", {{"type", "array"}, {"items", RowSchema(served)}}},
                   {"next_cursor", {{"type", Json::array({"string", "null"})}}}}},
                 {"required", Json::array({"rows", "next_cursor"})}};
  const Json text = {{"schema", {{"type", "string"}}}};
  Json content = Json::object();
  for (const FormatName& offered : OfferedFormats()) {
    content[std::string(offered.media_type)] = text;
    // OpenAPI 3.1 would have no schema here; generators know the older form.
    if (offered.binary) content[std::string(offered.media_type)]["schema"]["format"] = "binary";
  }
  content["application/json"] = {{"schema", std::move(answer)}, {"example", std::move(example)}};
  if (served.query().deterministic()) {
    content["text/event-stream"] = {
        {"schema", {{"type", "string"}, {"description", "New rows as they come: live tail"}}}};
  }
  Json responses;
  responses["200"] = {{"description", "The rows; none is an empty list"},
                      {"headers", AnswerHeaders(served)},
                      {"content", std::move(content)}};
  responses["304"] = {{"description", "The answer is the one whose tag If-None-Match names"}};
  if (served.endpoint().rate_limit.has_value()) {
    responses["429"] = ProblemResponse("More requests than the caller may make");
    responses["429"]["headers"]["Retry-After"] = {{"description", "Seconds to wait"},
                                                  {"schema", {{"type", "integer"}}}};
  }
  if (served.AsksWho()) {
    responses["401"] = ProblemResponse("The request carries no valid assertion of who sends it");
  }
  for (const auto& [status, description] :
       std::initializer_list<std::pair<const char*, const char*>>{
           {"400", "A parameter is missing, unknown, repeated or not of its type"},
           {"403", "The request's Host or Origin is not accepted, or its caller may not ask this"},
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

Json Operation(const ServedEndpoint& served, Json example, std::set<std::string>& taken) {
  const spec::Endpoint& endpoint = served.endpoint();
  std::string description = endpoint.description;
  if (!description.empty()) description += "\n\n";
  description += Concat("At most ", served.query().rows_max(), " rows");
  description += served.query().rules().paged ? " a page." : "; an answer with more is refused.";
  if (served.HasSuffixes()) {
    description += " Also with";
    for (const FormatName& offered : OfferedFormats()) {
      description += Concat(" ", offered.suffix);
    }
    description += " after the path.";
  }
  return {{"operationId", OperationId(endpoint.path, taken)},
          {"summary", endpoint.summary.empty() ? endpoint.path : endpoint.summary},
          {"description", std::move(description)},
          {"parameters", Parameters(served)},
          {"responses", Responses(served, std::move(example))}};
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
                            const std::map<std::string, std::string>& examples) {
  std::set<std::string> taken = {"health"};
  Json paths = Json::object();
  for (const ServedEndpoint* served : endpoints) {
    paths[served->endpoint().path]["get"] =
        Operation(*served, ExampleAnswer(*served, examples), taken);
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
