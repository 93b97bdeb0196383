// Answers statements of standard input, one JSON object a line, in JSON: what run.py compares with
// the rows that BigQuery gave. Development only.
//   {"sql": "...", "project": "p", "dataset": "d", "parameters": [{"name", "type", "value"}]}
//   {"create_dataset": "d", "project": "p"}
#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "schema/parse_value.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/javascript/script_functions.h"
#include "warehouse/row_json.h"

namespace afluente::warehouse {
namespace {

using nlohmann::json;

json SchemaOf(const schema::Column& column) {
  return {{"name", column.name},
          {"type", column.type.ToString()},
          {"required", column.mode == schema::Mode::kRequired}};
}

json ErrorOf(const absl::Status& status) {
  return {{"error", std::string(status.message())},
          {"code", std::string(absl::StatusCodeToString(status.code()))}};
}

absl::StatusOr<schema::Value> ValueOf(const schema::Type& type, const json& value) {
  if (value.is_null()) return schema::Value();
  const bool array = type.kind == schema::TypeKind::kArray;
  if (!array && type.kind != schema::TypeKind::kStruct) {
    return schema::ParseValue(type, value.is_string() ? value.get<std::string>() : value.dump());
  }
  schema::Value::List list;
  for (size_t i = 0; i < (array ? value.size() : type.fields.size()); ++i) {
    const schema::Field& field = type.fields[array ? 0 : i];
    auto member = ValueOf(field.type, array ? value[i] : value.value(field.name, json()));
    if (!member.ok()) return member.status();
    list.push_back(*std::move(member));
  }
  return schema::Value(std::move(list));
}

absl::StatusOr<std::vector<Parameter>> ParametersOf(const json& list) {
  std::vector<Parameter> parameters;
  for (const json& given : list) {
    absl::StatusOr<schema::Type> type = schema::ParseType(given["type"].get<std::string>());
    if (!type.ok()) return type.status();
    absl::StatusOr<schema::Value> value = ValueOf(*type, given["value"]);
    if (!value.ok()) return value.status();
    parameters.push_back({given.value("name", ""), *std::move(type), *std::move(value)});
  }
  return parameters;
}

absl::StatusOr<json> Rows(ResultStream& stream) {
  json answer = {{"rows", json::array()}, {"schema", json::array()}};
  for (const schema::Column& column : stream.columns()) {
    answer["schema"].push_back(SchemaOf(column));
  }
  while (true) {
    absl::StatusOr<ColumnBatch> batch = stream.Next();
    if (!batch.ok()) return batch.status();
    if (batch->rows == 0) break;
    for (size_t row = 0; row < batch->rows; ++row) {
      std::string text = "[";
      for (const ColumnVector& column : batch->columns) {
        if (text.size() > 1) text += ",";
        AppendJsonValue(column, row, text);
      }
      answer["rows"].push_back(json::parse(text + "]", nullptr, false));
    }
  }
  if (stream.affected_rows()) answer["affected"] = *stream.affected_rows();
  return answer;
}

json Answer(duckdb::DuckdbDatabase& database, const json& request) {
  const std::string project = request.value("project", "p");
  if (request.contains("create_dataset")) {
    absl::Status made =
        database.catalog().EnsureDataset(project, request["create_dataset"].get<std::string>());
    return made.ok() ? json::object() : ErrorOf(made);
  }
  auto parameters = ParametersOf(request.value("parameters", json::array()));
  if (!parameters.ok()) return ErrorOf(parameters.status());
  QueryLimits limits;
  limits.timeout = std::chrono::seconds(60);
  auto stream = database.warehouse().Query(
      {request["sql"].get<std::string>(), project, request.value("dataset", "")}, *parameters,
      limits);
  if (!stream.ok()) return ErrorOf(stream.status());
  absl::StatusOr<json> rows = Rows(**stream);
  return rows.ok() ? *rows : ErrorOf(rows.status());
}

int Main() {
  std::string directory = (std::filesystem::temp_directory_path() / "conformance_XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return 1;
  duckdb::DuckdbOptions options;
  options.directory = directory;
  options.javascript = std::make_shared<ScriptFunctions>();
  auto database = duckdb::DuckdbDatabase::Open(options);
  if (!database.ok()) {
    std::cerr << database.status().ToString() << "\n";
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    json request = json::parse(line, nullptr, false);
    if (!request.is_object()) return 1;
    std::cout << Answer(**database, request).dump(-1, ' ', false, json::error_handler_t::replace)
              << std::endl;
  }
  database->reset();
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace afluente::warehouse

int main() { return afluente::warehouse::Main(); }
