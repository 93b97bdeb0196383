#include "console/admin_query.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "schema/parse_value.h"
#include "warehouse/row_json.h"

namespace afluente::console {
namespace {

constexpr std::chrono::seconds kQueryTimeout{60};
constexpr uint64_t kRowsMax = 1'000'000;

absl::StatusOr<warehouse::Parameter> ReadParameter(const nlohmann::json& json) {
  const bool complete = json.is_object() && json.contains("name") && json["name"].is_string() &&
                        json.contains("type") && json["type"].is_string() && json.contains("value");
  if (!complete) {
    return absl::InvalidArgumentError("$.parameters: each needs name, type and value");
  }
  warehouse::Parameter parameter;
  parameter.name = json["name"].get<std::string>();
  AFLUENTE_ASSIGN_OR_RETURN(parameter.type, schema::ParseType(json["type"].get<std::string>()));
  if (json["value"].is_null()) return parameter;
  if (!json["value"].is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat("$.parameters: ", parameter.name, ": the value is a string or null"));
  }
  auto value = schema::ParseValue(parameter.type, json["value"].get<std::string>());
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("parameter ", parameter.name, ": ", value.status().message()));
  }
  parameter.value = *std::move(value);
  return parameter;
}

struct Query {
  warehouse::Statement statement;
  std::vector<warehouse::Parameter> parameters;
  warehouse::QueryLimits limits;
};

absl::StatusOr<Query> ReadQuery(const std::string& body, const std::string& project) {
  const auto json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("$: expected a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key != "sql" && key != "parameters" && key != "limit") {
      return absl::InvalidArgumentError(absl::StrCat("$.", key, ": unknown field"));
    }
  }
  Query query;
  if (!json.contains("sql") || !json["sql"].is_string()) {
    return absl::InvalidArgumentError("$.sql: expected a string");
  }
  query.statement.text = json["sql"].get<std::string>();
  query.statement.default_project = project;
  query.limits.timeout = kQueryTimeout;
  query.limits.rows_max = kRowsMax;
  if (json.contains("limit")) {
    if (!json["limit"].is_number_unsigned()) {
      return absl::InvalidArgumentError("$.limit: expected a number of rows");
    }
    query.limits.rows_max = std::min(kRowsMax, json["limit"].get<uint64_t>());
  }
  if (!json.contains("parameters")) return query;
  if (!json["parameters"].is_array()) {
    return absl::InvalidArgumentError("$.parameters: expected an array");
  }
  for (const auto& entry : json["parameters"]) {
    AFLUENTE_ASSIGN_OR_RETURN(auto parameter, ReadParameter(entry));
    query.parameters.push_back(std::move(parameter));
  }
  return query;
}

absl::Status Admit(const AdmitStatement& admit, const Query& query,
                   warehouse::Warehouse& warehouse) {
  if (admit == nullptr) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(const auto facts,
                            warehouse.Describe(query.statement, query.parameters));
  std::vector<std::string> datasets;
  for (const auto* tables : {&facts.tables_read, &facts.tables_written}) {
    for (const warehouse::TableName& table : *tables) datasets.push_back(table.dataset);
  }
  return admit(datasets, facts.statement_type == "SCRIPT");
}

}  // namespace

absl::StatusOr<std::string> RunAdminQuery(const std::string& body, const std::string& project,
                                          warehouse::Warehouse& warehouse,
                                          std::shared_ptr<host::Cancellation> cancellation,
                                          const AdmitStatement& admit) {
  const auto begin = std::chrono::steady_clock::now();
  AFLUENTE_ASSIGN_OR_RETURN(Query query, ReadQuery(body, project));
  AFLUENTE_RETURN_IF_ERROR(Admit(admit, query, warehouse));
  query.limits.cancellation = std::move(cancellation);
  // One more than asked tells whether there are more.
  const uint64_t rows_max = *query.limits.rows_max;
  query.limits.rows_max = rows_max + 1;
  AFLUENTE_ASSIGN_OR_RETURN(auto rows,
                            warehouse.Query(query.statement, query.parameters, query.limits));
  nlohmann::json columns = nlohmann::json::array();
  for (const schema::Column& column : rows->columns()) {
    columns.push_back({{"name", column.name}, {"type", column.type.ToString()}});
  }
  std::string answer = absl::StrCat("{\"columns\":", columns.dump(), ",\"rows\":[");
  const warehouse::RowJsonWriter writer(rows->columns());
  uint64_t count = 0;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (batch.rows == 0) break;
    for (size_t i = 0; i < batch.rows; ++i) {
      if (count++ == rows_max) break;
      if (count > 1) answer += ',';
      writer.AppendRow(batch, i, answer);
    }
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  absl::StrAppend(&answer, "],\"truncated\":", count > rows_max ? "true" : "false",
                  ",\"milliseconds\":", std::chrono::duration<double, std::milli>(took).count());
  if (const auto affected = rows->affected_rows()) {
    absl::StrAppend(&answer, ",\"affected_rows\":", *affected);
  }
  return answer + "}";
}

}  // namespace afluente::console
