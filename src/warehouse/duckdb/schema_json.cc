#include "warehouse/duckdb/schema_json.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace afluente::warehouse::duckdb {
namespace {

using nlohmann::json;
using schema::Column;
using schema::Field;
using schema::Mode;
using schema::Type;
using schema::TypeKind;

// In the order of TypeKind.
constexpr std::array<std::string_view, 16> kKinds = {
    "BOOL",     "INT64", "FLOAT64",   "NUMERIC", "BIGNUMERIC", "STRING", "BYTES",    "DATE",
    "DATETIME", "TIME",  "TIMESTAMP", "JSON",    "ARRAY",      "STRUCT", "INTERVAL", "RANGE"};
// In the order of PartitionUnit.
constexpr std::array<std::string_view, 6> kUnits = {"NONE",  "HOUR", "DAY",
                                                    "MONTH", "YEAR", "RANGE"};
// In the order of RelationKind.
constexpr std::array<std::string_view, 5> kRelations = {"TABLE", "VIEW", "MATERIALIZED_VIEW",
                                                        "SNAPSHOT", "CLONE"};

template <size_t N>
std::optional<size_t> IndexOf(const std::array<std::string_view, N>& names, const json& name) {
  if (!name.is_string()) return std::nullopt;
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name.get_ref<const std::string&>()) return i;
  }
  return std::nullopt;
}

json ToJson(const Type& type) {
  json out = {{"type", kKinds[static_cast<size_t>(type.kind)]}};
  for (const Field& field : type.fields) {
    json member = ToJson(field.type);
    member["name"] = field.name;
    out["fields"].push_back(std::move(member));
  }
  return out;
}

std::string TextOf(const json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<Type> ToType(const json& object) {
  if (!object.is_object() || !object.contains("type")) return std::nullopt;
  std::optional<size_t> kind = IndexOf(kKinds, object["type"]);
  if (!kind) return std::nullopt;
  Type type;
  type.kind = static_cast<TypeKind>(*kind);
  if (!object.contains("fields")) return type;
  for (const json& member : object["fields"]) {
    std::optional<Type> field = ToType(member);
    if (!field) return std::nullopt;
    type.fields.push_back({TextOf(member, "name"), *std::move(field)});
  }
  return type;
}

json ToJson(const Labels& labels) {
  json out = json::object();
  for (const auto& [key, value] : labels) out[key] = value;
  return out;
}

std::optional<int64_t> NumberOf(const json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int64_t>();
}

Labels LabelsOf(const json& object) {
  Labels labels;
  auto found = object.find("labels");
  if (found == object.end() || !found->is_object()) return labels;
  for (const auto& [key, value] : found->items()) {
    if (value.is_string()) labels.emplace_back(key, value.get<std::string>());
  }
  return labels;
}

std::optional<TableName> ToName(const json& parts) {
  if (!parts.is_array() || parts.size() != 3) return std::nullopt;
  for (const json& part : parts) {
    if (!part.is_string()) return std::nullopt;
  }
  return TableName{parts[0].get<std::string>(), parts[1].get<std::string>(),
                   parts[2].get<std::string>()};
}

}  // namespace

std::string EntryToJson(const TableEntry& entry) {
  const TableSchema& schema = entry.schema;
  json out = {{"description", schema.description}, {"functionFed", schema.function_fed}};
  out["columns"] = json::array();
  for (const Column& column : schema.columns) {
    json member = ToJson(column.type);
    member["name"] = column.name;
    member["mode"] = column.mode == Mode::kRequired ? "REQUIRED" : "NULLABLE";
    member["description"] = column.description;
    out["columns"].push_back(std::move(member));
  }
  out["timePartitioning"] = {{"type", kUnits[static_cast<size_t>(schema.partitioning.unit)]},
                             {"field", schema.partitioning.field}};
  if (schema.partitioning.unit == PartitionUnit::kRange) {
    out["range"] = {schema.partitioning.range_start, schema.partitioning.range_end,
                    schema.partitioning.range_interval};
  }
  out["relation"] = kRelations[static_cast<size_t>(schema.kind)];
  out["clustering"] = schema.clustering;
  out["created"] = schema.created_ms;
  out["modified"] = schema.modified_ms;
  if (schema.properties) {
    const TableProperties& properties = *schema.properties;
    out["friendlyName"] = properties.friendly_name;
    out["labels"] = ToJson(properties.labels);
    out["requirePartitionFilter"] = properties.require_partition_filter;
    if (properties.expires_ms) out["expires"] = *properties.expires_ms;
    if (properties.partition_expiration_ms)
      out["partitionExpiration"] = *properties.partition_expiration_ms;
  }
  if (!schema.view_query.empty()) out["viewQuery"] = schema.view_query;
  if (entry.view) {
    out["view"] = json::array();
    for (const TableName& name : entry.reads) {
      out["view"].push_back({name.project, name.dataset, name.table});
    }
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string DatasetKey(std::string_view project, std::string_view dataset) {
  return std::string(project) + "." + std::string(dataset);
}

std::string DatasetToJson(const Dataset& dataset) {
  json out = {{"project", dataset.project},         {"dataset", dataset.dataset},
              {"location", dataset.location},       {"friendlyName", dataset.friendly_name},
              {"description", dataset.description}, {"labels", ToJson(dataset.labels)},
              {"created", dataset.created_ms},      {"modified", dataset.modified_ms}};
  if (dataset.default_table_expiration_ms) {
    out["defaultTableExpiration"] = *dataset.default_table_expiration_ms;
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Dataset DatasetFromJson(std::string_view text) {
  Dataset dataset;
  json in = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!in.is_object()) return dataset;
  dataset.project = TextOf(in, "project");
  dataset.dataset = TextOf(in, "dataset");
  dataset.location = TextOf(in, "location");
  dataset.friendly_name = TextOf(in, "friendlyName");
  dataset.description = TextOf(in, "description");
  dataset.labels = LabelsOf(in);
  dataset.default_table_expiration_ms = NumberOf(in, "defaultTableExpiration");
  dataset.created_ms = NumberOf(in, "created").value_or(0);
  dataset.modified_ms = NumberOf(in, "modified").value_or(0);
  return dataset;
}

absl::StatusOr<TableEntry> EntryFromJson(TableName name, std::string_view text) {
  json in = json::parse(text, nullptr, /*allow_exceptions=*/false);
  absl::Status damaged =
      absl::DataLossError("the warehouse's catalog is damaged at table " + name.ToString());
  if (!in.is_object() || !in["columns"].is_array() || !in["clustering"].is_array()) return damaged;
  TableEntry entry;
  TableSchema& schema = entry.schema;
  schema.name = std::move(name);
  schema.description = TextOf(in, "description");
  schema.function_fed = in["functionFed"] == true;
  for (const json& member : in["columns"]) {
    std::optional<Type> type = ToType(member);
    if (!type) return damaged;
    Mode mode = TextOf(member, "mode") == "REQUIRED" ? Mode::kRequired : Mode::kNullable;
    schema.columns.push_back(
        {TextOf(member, "name"), *std::move(type), mode, TextOf(member, "description")});
  }
  std::optional<size_t> unit;
  if (in["timePartitioning"].is_object()) unit = IndexOf(kUnits, in["timePartitioning"]["type"]);
  if (!unit) return damaged;
  schema.partitioning.unit = static_cast<PartitionUnit>(*unit);
  schema.partitioning.field = TextOf(in["timePartitioning"], "field");
  if (const json& range = in["range"]; range.is_array() && range.size() == 3) {
    schema.partitioning.range_start = range[0].get<int64_t>();
    schema.partitioning.range_end = range[1].get<int64_t>();
    schema.partitioning.range_interval = range[2].get<int64_t>();
  }
  if (std::optional<size_t> kind = IndexOf(kRelations, in["relation"])) {
    schema.kind = static_cast<RelationKind>(*kind);
  }
  for (const json& column : in["clustering"]) {
    if (!column.is_string()) return damaged;
    schema.clustering.push_back(column.get<std::string>());
  }
  schema.created_ms = NumberOf(in, "created").value_or(0);
  schema.modified_ms = NumberOf(in, "modified").value_or(0);
  schema.view_query = TextOf(in, "viewQuery");
  schema.properties.emplace();
  schema.properties->friendly_name = TextOf(in, "friendlyName");
  schema.properties->labels = LabelsOf(in);
  schema.properties->expires_ms = NumberOf(in, "expires");
  schema.properties->partition_expiration_ms = NumberOf(in, "partitionExpiration");
  schema.properties->require_partition_filter =
      in.contains("requirePartitionFilter") && in["requirePartitionFilter"] == true;
  entry.view = in.contains("view");
  if (entry.view && schema.kind == RelationKind::kTable) schema.kind = RelationKind::kView;
  if (!entry.view) return entry;
  for (const json& read : in["view"]) {
    std::optional<TableName> table = ToName(read);
    if (!table) return damaged;
    entry.reads.push_back(*std::move(table));
  }
  return entry;
}

}  // namespace afluente::warehouse::duckdb
