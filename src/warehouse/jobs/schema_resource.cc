#include "warehouse/jobs/schema_resource.h"

#include <array>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Column;
using schema::Concat;
using schema::Field;
using schema::Mode;
using schema::Type;
using schema::TypeKind;

constexpr int kNestingMax = 15;
constexpr size_t kLabelsMax = 64;
constexpr std::array<std::string_view, 5> kUnits = {"NONE", "HOUR", "DAY", "MONTH", "YEAR"};

absl::Status RefuseUnsupported(const json& field, const std::string& name) {
  for (const char* key : {"maxLength", "precision", "scale", "defaultValueExpression", "collation",
                          "policyTags", "roundingMode", "foreignTypeDefinition"}) {
    const json* given = Member(field, key);
    const bool set = given != nullptr && *given != "" && *given != 0 && !given->empty();
    if (set)
      return absl::UnimplementedError(Concat("field ", name, ": ", key, " is not supported"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Type> TypeFromJson(const json& field, const std::string& path, int depth);

absl::StatusOr<Type> RecordFromJson(const json& field, const std::string& path, int depth) {
  if (depth > kNestingMax) {
    return absl::InvalidArgumentError(
        Concat("field ", path, " is nested deeper than ", kNestingMax, " levels"));
  }
  const json* members = Member(field, "fields");
  if (members == nullptr || !members->is_array() || members->empty()) {
    return absl::InvalidArgumentError(Concat("Field ", path, " is type RECORD but has no schema"));
  }
  std::vector<Field> fields;
  for (const json& member : *members) {
    const std::string name = TextOf(member, "name");
    const std::string inner = Concat(path, ".", name);
    AFLUENTE_ASSIGN_OR_RETURN(Type type, TypeFromJson(member, inner, depth + 1));
    if (schema::EqualsIgnoreCase(TextOf(member, "mode"), "REQUIRED")) {
      return absl::UnimplementedError(
          Concat("field ", inner, ": REQUIRED inside a RECORD is not supported"));
    }
    fields.push_back({name, std::move(type)});
  }
  return Type::Struct(std::move(fields));
}

absl::StatusOr<Type> TypeFromJson(const json& field, const std::string& path, int depth) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(field, path));
  const std::string name = TextOf(field, "type");
  Type type;
  if (schema::EqualsIgnoreCase(name, "RECORD") || schema::EqualsIgnoreCase(name, "STRUCT")) {
    AFLUENTE_ASSIGN_OR_RETURN(type, RecordFromJson(field, path, depth));
  } else {
    std::string text = name;
    if (schema::EqualsIgnoreCase(name, "RANGE")) {
      text = Concat("RANGE<", TextOf(ObjectOf(field, "rangeElementType"), "type"), ">");
    }
    auto parsed = schema::ParseType(text);
    const bool compound = name.find('<') != std::string::npos;
    if (schema::EqualsIgnoreCase(name, "GEOGRAPHY")) {
      return absl::UnimplementedError(
          Concat("Columns of type GEOGRAPHY are not supported (field ", path, ")"));
    }
    if (!parsed.ok() || compound) {
      if (absl::IsUnimplemented(parsed.status())) return parsed.status();
      return absl::InvalidArgumentError(
          Concat("Invalid value for type: ", name, " is not a valid value (field ", path, ")"));
    }
    type = *std::move(parsed);
  }
  const std::string mode = TextOf(field, "mode");
  if (schema::EqualsIgnoreCase(mode, "REPEATED")) return Type::Array(std::move(type));
  if (!mode.empty() && !schema::EqualsIgnoreCase(mode, "NULLABLE") &&
      !schema::EqualsIgnoreCase(mode, "REQUIRED")) {
    return absl::InvalidArgumentError(
        Concat("Invalid value for mode: ", mode, " is not a valid value (field ", path, ")"));
  }
  return type;
}

// The names that BigQuery's REST API gives types.
std::string LegacyName(const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "BOOLEAN";
    case TypeKind::kInt64:
      return "INTEGER";
    case TypeKind::kFloat64:
      return "FLOAT";
    case TypeKind::kStruct:
      return "RECORD";
    default:
      break;
  }
  const std::string text = type.ToString();
  return text.substr(0, text.find('<'));
}

json FieldToJson(const std::string& name, const Type& type, bool required) {
  const bool repeated = type.kind == TypeKind::kArray;
  const Type& inner = repeated ? type.element() : type;
  json out = {{"name", name},
              {"type", LegacyName(inner)},
              {"mode", repeated   ? "REPEATED"
                       : required ? "REQUIRED"
                                  : "NULLABLE"}};
  if (inner.kind == TypeKind::kStruct) {
    out["fields"] = json::array();
    for (const Field& field : inner.fields) {
      out["fields"].push_back(FieldToJson(field.name, field.type, false));
    }
  } else if (out["type"] == "RANGE") {
    out["rangeElementType"] = {{"type", inner.fields[0].type.ToString()}};
  }
  return out;
}

bool IsLabel(const std::string& text, bool key) {
  if (text.size() > 63 * 4 || (key && text.empty())) return false;
  for (unsigned char c : text) {
    const bool allowed = (c >= 'a' && c <= 'z') || schema::IsDigit(static_cast<char>(c)) ||
                         c == '_' || c == '-' || c >= 0x80;
    if (!allowed) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<Column>> ColumnsFromJson(const json& schema) {
  std::vector<Column> columns;
  const json* fields = schema.is_array() ? &schema : Member(schema, "fields");
  if (fields == nullptr) return columns;
  if (!fields->is_array()) return absl::InvalidArgumentError("Invalid value at 'schema.fields'");
  for (const json& field : *fields) {
    Column column;
    column.name = TextOf(field, "name");
    AFLUENTE_ASSIGN_OR_RETURN(column.type, TypeFromJson(field, column.name, 1));
    if (schema::EqualsIgnoreCase(TextOf(field, "mode"), "REQUIRED")) column.mode = Mode::kRequired;
    column.description = TextOf(field, "description");
    columns.push_back(std::move(column));
  }
  return columns;
}

json ColumnsToJson(const std::vector<Column>& columns) {
  json fields = json::array();
  for (const Column& column : columns) {
    json field = FieldToJson(column.name, column.type, column.mode == Mode::kRequired);
    if (!column.description.empty()) field["description"] = column.description;
    fields.push_back(std::move(field));
  }
  return {{"fields", std::move(fields)}};
}

absl::StatusOr<TableName> TableNameFromJson(const json& reference,
                                            const std::string& default_project) {
  TableName name{TextOf(reference, "projectId", default_project), TextOf(reference, "datasetId"),
                 TextOf(reference, "tableId")};
  if (name.dataset.empty() || name.table.empty()) {
    return absl::InvalidArgumentError(
        "Required parameter is missing: a table's datasetId, tableId");
  }
  return name;
}

json TableNameToJson(const TableName& name) {
  return {{"projectId", name.project}, {"datasetId", name.dataset}, {"tableId", name.table}};
}

absl::Status LayoutFromJson(const json& resource, TableSchema& table) {
  if (Member(resource, "rangePartitioning") != nullptr) {
    return absl::UnimplementedError("rangePartitioning is not supported");
  }
  bool filter = BoolOf(resource, "requirePartitionFilter");
  if (const json* time = Member(resource, "timePartitioning")) {
    const std::string unit = TextOf(*time, "type", "DAY");
    table.partitioning.unit = PartitionUnit::kNone;
    for (size_t i = 1; i < kUnits.size(); ++i) {
      if (kUnits[i] == unit) table.partitioning.unit = static_cast<PartitionUnit>(i);
    }
    if (table.partitioning.unit == PartitionUnit::kNone) {
      return absl::InvalidArgumentError(
          Concat("Invalid value for type: ", unit, " is not a unit of timePartitioning"));
    }
    table.partitioning.field = TextOf(*time, "field");
    const std::optional<int64_t> expiration = IntOf(*time, "expirationMs");
    if (expiration.value_or(0) < 0) {
      return absl::InvalidArgumentError("timePartitioning.expirationMs is not negative");
    }
    if (!table.properties) table.properties.emplace();
    table.properties->partition_expiration_ms.reset();
    // 0: never.
    if (expiration.value_or(0) > 0) table.properties->partition_expiration_ms = expiration;
    filter = filter || BoolOf(*time, "requirePartitionFilter");
  }
  if (const json* clustering = Member(resource, "clustering")) {
    table.clustering.clear();
    const json* fields = Member(*clustering, "fields");
    if (fields == nullptr || !fields->is_array() || fields->size() > 4) {
      return absl::InvalidArgumentError("clustering has one to four fields");
    }
    for (const json& field : *fields) {
      if (!field.is_string()) return absl::InvalidArgumentError("clustering names fields");
      table.clustering.push_back(field.get<std::string>());
    }
  }
  if (Member(resource, "requirePartitionFilter") != nullptr || filter) {
    if (!table.properties) table.properties.emplace();
    table.properties->require_partition_filter = filter;
  }
  return absl::OkStatus();
}

void LayoutToJson(const TableSchema& table, json& resource) {
  if (table.partitioning.unit != PartitionUnit::kNone) {
    json time = {{"type", kUnits[static_cast<size_t>(table.partitioning.unit)]}};
    if (!table.partitioning.field.empty()) time["field"] = table.partitioning.field;
    if (table.properties && table.properties->partition_expiration_ms) {
      time["expirationMs"] = std::to_string(*table.properties->partition_expiration_ms);
    }
    resource["timePartitioning"] = std::move(time);
    resource["requirePartitionFilter"] =
        table.properties && table.properties->require_partition_filter;
  }
  if (!table.clustering.empty()) resource["clustering"] = {{"fields", table.clustering}};
}

absl::StatusOr<Labels> LabelsFromJson(const json& labels) {
  Labels out;
  if (!labels.is_object() || labels.size() > kLabelsMax) {
    return absl::InvalidArgumentError("labels are an object of at most 64 texts");
  }
  for (const auto& [key, value] : labels.items()) {
    if (value.is_null()) continue;  // patch: the label goes
    if (!value.is_string() || !IsLabel(key, true) ||
        !IsLabel(value.get_ref<const std::string&>(), false)) {
      return absl::InvalidArgumentError(Concat(
          "Label key/value \"", key.substr(0, 63),
          "\" may contain only lowercase letters, numeric characters, underscores, and dashes"));
    }
    out.emplace_back(key, value.get<std::string>());
  }
  return out;
}

json LabelsToJson(const Labels& labels) {
  json out = json::object();
  for (const auto& [key, value] : labels) out[key] = value;
  return out;
}

}  // namespace afluente::warehouse::jobs
