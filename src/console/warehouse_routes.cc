#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "console/part_routes.h"
#include "console/readings.h"
#include "console/rows.h"
#include "host/check.h"
#include "spec/spec.h"
#include "warehouse/catalog.h"
#include "warehouse/jobs/table_sizes.h"
#include "warehouse/row_json.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr size_t kTablesMax = 2'000;
constexpr std::chrono::seconds kTimeout{20};

const char* UnitName(warehouse::PartitionUnit unit) {
  switch (unit) {
    case warehouse::PartitionUnit::kNone:
      return "";
    case warehouse::PartitionUnit::kHour:
      return "HOUR";
    case warehouse::PartitionUnit::kDay:
      return "DAY";
    case warehouse::PartitionUnit::kMonth:
      return "MONTH";
    case warehouse::PartitionUnit::kYear:
      return "YEAR";
    case warehouse::PartitionUnit::kRange:
      return "RANGE";
  }
  return "";
}

json ToJson(const warehouse::TableSchema& table) {
  json columns = json::array();
  for (const schema::Column& column : table.columns) {
    columns.push_back({{"name", column.name},
                       {"type", column.type.ToString()},
                       {"required", column.mode == schema::Mode::kRequired},
                       {"description", column.description}});
  }
  if (table.function_fed) {
    columns.push_back({{"name", "_message_id"}, {"type", "STRING"}, {"required", false}});
    columns.push_back({{"name", "_message_row"}, {"type", "INT64"}, {"required", false}});
  }
  return {{"name", absl::StrCat(table.name.dataset, ".", table.name.table)},
          {"columns", std::move(columns)},
          {"partition_unit", UnitName(table.partitioning.unit)},
          {"partition_field", table.partitioning.field},
          {"clustering", table.clustering},
          {"description", table.description},
          {"fed_by_function", table.function_fed}};
}

absl::StatusOr<std::string> Datasets(const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto names, ports.catalog.ListDatasets(ports.spec.project));
  json datasets = json::array();
  size_t count = 0;
  for (const std::string& name : names) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto tables,
                              ports.catalog.ListTables(ports.spec.project, name));
    json listed = json::array();
    for (const auto& table : tables) {
      if (++count <= kTablesMax) listed.push_back(ToJson(table));
    }
    datasets.push_back({{"name", name}, {"tables", std::move(listed)}});
  }
  return Dump({{"project", ports.spec.project},
               {"datasets", std::move(datasets)},
               {"bytes", BytesIn(ports.data_dir + "/warehouse")}});
}

// A table's rows, and its newest partitions with theirs.
absl::StatusOr<std::string> OneTable(const std::string& name, const ConsolePorts& ports) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  if (parts.size() != 2) return absl::InvalidArgumentError("name: expected dataset.table");
  // Only names of tables that are there become part of a statement.
  const auto table = ports.catalog.FindTable({ports.spec.project, parts[0], parts[1]});
  if (!table) return absl::NotFoundError(absl::StrCat(name, ": no such table"));
  const std::string quoted = absl::StrCat("`", name, "`");
  AFLUENTE_ASSIGN_OR_RETURN(const json counted,
                            ReadRows(ports, "SELECT COUNT(*) AS n FROM " + quoted));
  json answer = ToJson(*table);
  answer["rows"] = counted.at(0).at("n");
  answer["partitions"] = json::array();
  const std::string& field = table->partitioning.field;
  for (const schema::Column& column : table->columns) {
    if (field.empty() || column.name != field) continue;
    const bool date = column.type.ToString() == "DATE";
    const std::string unit = UnitName(table->partitioning.unit);
    AFLUENTE_ASSIGN_OR_RETURN(
        answer["partitions"],
        ReadRows(ports,
                 absl::StrCat("SELECT ", date ? "DATE_TRUNC(`" : "TIMESTAMP_TRUNC(`", field, "`, ",
                              unit, ") AS partition_value, COUNT(*) AS row_count FROM ", quoted,
                              " GROUP BY 1 ORDER BY 1 DESC LIMIT 100")));
  }
  return Dump(answer);
}

// What a statement would read, as BigQuery's dry run has it: all of its tables' bytes.
absl::StatusOr<std::string> DryRun(const std::string& sql, warehouse::jobs::TableSizes& sizes,
                                   const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto facts,
                            ports.warehouse.Describe({sql, ports.spec.project, ""}, {}));
  json tables = json::array();
  for (const warehouse::TableName& name : facts.tables_read)
    tables.push_back(absl::StrCat(name.dataset, ".", name.table));
  return Dump({{"statement_type", facts.statement_type},
               {"bytes", sizes.BytesOf(facts.tables_read)},
               {"tables", std::move(tables)}});
}

}  // namespace

absl::StatusOr<json> ReadRows(const ConsolePorts& ports, const std::string& sql,
                              const std::vector<warehouse::Parameter>& parameters,
                              uint64_t rows_max) {
  warehouse::QueryLimits limits;
  limits.timeout = kTimeout;
  limits.rows_max = rows_max;
  AFLUENTE_ASSIGN_OR_RETURN(
      auto rows, ports.warehouse.Query({sql, ports.spec.project, ""}, parameters, limits));
  const warehouse::RowJsonWriter writer(rows->columns());
  json read = json::array();
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (batch.rows == 0) return read;
    for (size_t i = 0; i < batch.rows; ++i) {
      std::string text;
      writer.AppendRow(batch, i, text);
      read.push_back(json::parse(text, nullptr, false));
    }
  }
}

void AddWarehouseRoutes(Routes& routes) {
  const ConsolePorts& ports = routes.ports();
  // Shared: a route is copied.
  auto sizes = std::make_shared<warehouse::jobs::TableSizes>(ports.warehouse, ports.catalog);
  routes.Get("/v1/warehouse/dry-run", [&ports, sizes](const http::Request& request) {
    return DryRun(QueryValue(request, "sql").value_or(""), *sizes, ports);
  });
  routes.Get("/v1/warehouse", [&ports](const http::Request&) { return Datasets(ports); });
  routes.Get("/v1/warehouse/table", [&ports](const http::Request& request) {
    return OneTable(QueryValue(request, "name").value_or(""), ports);
  });
}

}  // namespace afluente::console
