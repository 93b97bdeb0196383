#include "warehouse/bigquery/table_resource.h"

#include <utility>

#include "host/check.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "warehouse/bigquery/json_member.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::Column;
using schema::Concat;
using schema::Type;
using schema::TypeKind;

absl::StatusOr<Column> ReadField(const json& field) {
  Column column;
  column.name = Text(field, "name");
  column.description = Text(field, "description");
  const std::string kind = Text(field, "type");
  if (kind == "RECORD" || kind == "STRUCT") {
    AFLUENTE_ASSIGN_OR_RETURN(const std::vector<Column> inner, ReadSchema(field));
    std::vector<schema::Field> fields;
    for (const Column& each : inner) fields.push_back({each.name, each.type});
    column.type = Type::Struct(std::move(fields));
  } else {
    absl::StatusOr<Type> type = schema::ParseType(kind);
    if (!type.ok()) {
      return absl::UnimplementedError(
          Concat("column ", column.name, " has type ", kind, ", which is not supported"));
    }
    column.type = *std::move(type);
  }
  const std::string mode = Text(field, "mode");
  if (mode == "REPEATED") column.type = Type::Array(std::move(column.type));
  if (mode == "REQUIRED") column.mode = schema::Mode::kRequired;
  return column;
}

json WriteField(const std::string& name, const Type& type, schema::Mode mode) {
  const bool repeated = type.kind == TypeKind::kArray;
  const Type& single = repeated ? type.element() : type;
  json field = {{"name", name},
                {"mode", repeated                          ? "REPEATED"
                         : mode == schema::Mode::kRequired ? "REQUIRED"
                                                           : "NULLABLE"}};
  if (single.kind != TypeKind::kStruct) {
    field["type"] = single.ToString();
    return field;
  }
  field["type"] = "RECORD";
  field["fields"] = json::array();
  for (const schema::Field& inner : single.fields) {
    field["fields"].push_back(WriteField(inner.name, inner.type, schema::Mode::kNullable));
  }
  return field;
}

// BigQuery writes 64-bit numbers as text.
int64_t Number(const json& object, const char* name) {
  return schema::ParseInt64(Text(object, name)).value_or(0);
}

struct UnitName {
  PartitionUnit unit;
  const char* name;
};
constexpr UnitName kUnits[] = {{PartitionUnit::kHour, "HOUR"},
                               {PartitionUnit::kDay, "DAY"},
                               {PartitionUnit::kMonth, "MONTH"},
                               {PartitionUnit::kYear, "YEAR"}};

}  // namespace

absl::StatusOr<std::vector<Column>> ReadSchema(const json& schema) {
  std::vector<Column> columns;
  for (const json& field : List(schema, "fields")) {
    AFLUENTE_ASSIGN_OR_RETURN(Column column, ReadField(field));
    columns.push_back(std::move(column));
  }
  return columns;
}

TableName ReadTableReference(const json& reference) {
  return {Text(reference, "projectId"), Text(reference, "datasetId"), Text(reference, "tableId")};
}

absl::StatusOr<TableSchema> ReadTable(const json& table) {
  TableSchema read;
  read.name = ReadTableReference(Member(table, "tableReference"));
  read.description = Text(table, "description");
  AFLUENTE_ASSIGN_OR_RETURN(read.columns, ReadSchema(Member(table, "schema")));
  for (const Column& column : read.columns) {
    read.function_fed = read.function_fed || column.name == kMessageId;
  }
  const json& partitioning = Member(table, "timePartitioning");
  for (const UnitName& each : kUnits) {
    if (Text(partitioning, "type") == each.name) {
      read.partitioning = {each.unit, Text(partitioning, "field")};
    }
  }
  const json& range = Member(table, "rangePartitioning");
  if (range.is_object()) {
    read.partitioning.unit = PartitionUnit::kRange;
    read.partitioning.field = Text(range, "field");
    read.partitioning.range_start = Number(Member(range, "range"), "start");
    read.partitioning.range_end = Number(Member(range, "range"), "end");
    read.partitioning.range_interval = Number(Member(range, "range"), "interval");
  }
  for (const json& field : List(Member(table, "clustering"), "fields")) {
    if (field.is_string()) read.clustering.push_back(field);
  }
  return read;
}

json WriteSchema(const std::vector<Column>& columns) {
  json fields = json::array();
  for (const Column& column : columns) {
    json field = WriteField(column.name, column.type, column.mode);
    if (!column.description.empty()) field["description"] = column.description;
    fields.push_back(std::move(field));
  }
  return {{"fields", std::move(fields)}};
}

std::vector<Column> StoredColumns(const TableSchema& table) {
  std::vector<Column> columns = table.columns;
  if (!table.function_fed) return columns;
  for (const Column& column : columns) {
    if (column.name == kMessageId) return columns;
  }
  columns.push_back({kMessageId, *schema::ParseType("STRING"), schema::Mode::kRequired, ""});
  columns.push_back({kMessageRow, *schema::ParseType("INT64"), schema::Mode::kRequired, ""});
  return columns;
}

json WriteTable(const TableSchema& table) {
  json written = {{"tableReference",
                   {{"projectId", table.name.project},
                    {"datasetId", table.name.dataset},
                    {"tableId", table.name.table}}},
                  {"schema", WriteSchema(StoredColumns(table))}};
  if (!table.description.empty()) written["description"] = table.description;
  for (const UnitName& each : kUnits) {
    if (table.partitioning.unit != each.unit) continue;
    written["timePartitioning"] = {{"type", each.name}};
    if (!table.partitioning.field.empty()) {
      written["timePartitioning"]["field"] = table.partitioning.field;
    }
  }
  if (table.partitioning.unit == PartitionUnit::kRange) {
    written["rangePartitioning"] = {
        {"field", table.partitioning.field},
        {"range",
         {{"start", std::to_string(table.partitioning.range_start)},
          {"end", std::to_string(table.partitioning.range_end)},
          {"interval", std::to_string(table.partitioning.range_interval)}}}};
  }
  if (!table.clustering.empty()) written["clustering"] = {{"fields", table.clustering}};
  if (table.function_fed) {
    written["tableConstraints"] = {
        {"primaryKey", {{"columns", json::array({kMessageId, kMessageRow})}}}};
  }
  return written;
}

}  // namespace afluente::warehouse::bigquery
