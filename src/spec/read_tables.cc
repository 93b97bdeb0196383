#include <array>
#include <optional>
#include <set>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/read.h"

namespace afluente::spec {
namespace {

using schema::Concat;
using schema::TypeKind;

// BigQuery's limit for nested records.
constexpr int kRecordDepthMax = 15;

const std::vector<std::string>& TypeNames() {
  static const auto& names = *new std::vector<std::string>{
      "INT64", "FLOAT64", "NUMERIC",  "BIGNUMERIC", "BOOL",      "STRING", "BYTES",
      "DATE",  "TIME",    "DATETIME", "JSON",       "TIMESTAMP", "RECORD"};
  return names;
}

// One table's columns; `where` is its path in the file, for messages.
class ColumnReader {
 public:
  ColumnReader(std::string where, Reading* reading) : where_(std::move(where)), reading_(reading) {}

  std::vector<schema::Column> Read(const YamlNode& list) {
    std::vector<schema::Column> columns;
    std::set<std::string> seen;
    for (const YamlNode& node : list.items) {
      schema::Column column;
      column.name = ReadName(node, &seen);
      column.type = ReadType(node, 0);
      column.mode =
          TextOf(node, "mode") == "REQUIRED" ? schema::Mode::kRequired : schema::Mode::kNullable;
      column.description = TextOf(node, "description");
      columns.push_back(std::move(column));
    }
    return columns;
  }

 private:
  void Add(Place place, std::string message) {
    reading_->findings->Add(place, Concat(where_, ": ", message));
  }

  std::string ReadName(const YamlNode& node, std::set<std::string>* seen) {
    std::string name = TextOf(node, "name");
    Place place = PlaceOf(node, "name");
    std::string lower = schema::Lowercase(name);
    if (!name.empty() && !seen->insert(lower).second) {
      Add(place, Concat("column ", name, " occurs twice (case does not matter)"));
    }
    if (lower == "_message_id" || lower == "_message_row") {
      Add(place, Concat("column ", name, " is added by Afluente to tables that a function feeds"));
    }
    for (std::string_view prefix : {"_table_", "_file_", "_partition", "_row_timestamp", "__root__",
                                    "_colidentifier", "_change_"}) {
      if (lower.starts_with(prefix)) {
        Add(place, Concat("column ", name, ": BigQuery keeps names with this prefix for itself"));
      }
    }
    return name;
  }

  schema::Type ReadType(const YamlNode& node, int depth) {
    schema::Type type = ReadElementType(node, depth);
    return TextOf(node, "mode") == "REPEATED" ? schema::Type::Array(std::move(type)) : type;
  }

  schema::Type ReadElementType(const YamlNode& node, int depth) {
    std::string text = TextOf(node, "type");
    Place place = PlaceOf(node, "type");
    bool record =
        schema::EqualsIgnoreCase(text, "RECORD") || schema::EqualsIgnoreCase(text, "STRUCT");
    const YamlNode* fields = node.Find("fields");
    if (record) return ReadRecord(node, fields, depth);
    if (fields != nullptr) Add(fields->place, "fields belong to type RECORD");
    if (text.empty()) return {};
    auto type = schema::ParseType(text);
    if (!type.ok()) {
      Add(place, Concat(std::string(type.status().message()), Suggestion(text, TypeNames())));
      return {};
    }
    if (type->kind == TypeKind::kArray) Add(place, "write an ARRAY as mode: REPEATED");
    if (type->kind == TypeKind::kStruct) Add(place, "write a STRUCT as type: RECORD with fields");
    return type->fields.empty() ? *type : schema::Type{};
  }

  schema::Type ReadRecord(const YamlNode& node, const YamlNode* fields, int depth) {
    if (fields == nullptr) {
      Add(PlaceOf(node, "type"), "type RECORD needs fields");
      return schema::Type::Struct({});
    }
    if (depth == kRecordDepthMax) {
      Add(fields->place, Concat("records nest deeper than ", kRecordDepthMax, " levels"));
      return schema::Type::Struct({});
    }
    std::vector<schema::Field> members;
    std::set<std::string> seen;
    for (const YamlNode& field : fields->items) {
      if (TextOf(field, "mode") == "REQUIRED") {
        Add(PlaceOf(field, "mode"),
            "mode REQUIRED within a RECORD is not supported by this version");
      }
      std::string name = ReadName(field, &seen);
      members.push_back(schema::Field{std::move(name), ReadType(field, depth + 1)});
    }
    return schema::Type::Struct(std::move(members));
  }

  std::string where_;
  Reading* reading_;
};

const schema::Column* FindColumn(const Table& table, std::string_view name) {
  for (const schema::Column& column : table.schema) {
    if (schema::EqualsIgnoreCase(column.name, name)) return &column;
  }
  return nullptr;
}

// The column that partitioning or clustering names; nullptr with a finding when there is none.
const schema::Column* NamedColumn(const Table& table, const YamlNode& node,
                                  const std::string& where, Reading* reading) {
  const schema::Column* column = FindColumn(table, node.text);
  if (column != nullptr) return column;
  std::vector<std::string> known;
  for (const schema::Column& other : table.schema) known.push_back(other.name);
  reading->findings->Add(node.place,
                         Concat(where, ": there is no column ", schema::QuoteForMessage(node.text),
                                Suggestion(node.text, known)));
  return nullptr;
}

void ReadPartitioning(const YamlNode& node, const std::string& where, Table* table,
                      Reading* reading) {
  const YamlNode* partitioning = node.Find("time_partitioning");
  if (partitioning == nullptr) return;
  table->time_partitioning =
      TimePartitioning{TextOf(*partitioning, "type"), TextOf(*partitioning, "field")};
  const YamlNode* field = partitioning->Find("field");
  if (field == nullptr) return;
  const schema::Column* column = NamedColumn(*table, *field, where, reading);
  if (column == nullptr) return;
  table->time_partitioning->field = column->name;
  TypeKind kind = column->type.kind;
  bool hourly = table->time_partitioning->type == "HOUR";
  bool fits = kind == TypeKind::kTimestamp || kind == TypeKind::kDatetime ||
              (kind == TypeKind::kDate && !hourly);
  if (fits) return;
  reading->findings->Add(
      field->place, Concat(where, ": column ", column->name, " of type ", column->type.ToString(),
                           " cannot partition by ", table->time_partitioning->type, "; expected ",
                           hourly ? "" : "DATE, ", "DATETIME or TIMESTAMP"));
}

bool CanCluster(TypeKind kind) {
  constexpr std::array kKinds = {TypeKind::kBigNumeric, TypeKind::kBool,     TypeKind::kDate,
                                 TypeKind::kDatetime,   TypeKind::kInt64,    TypeKind::kNumeric,
                                 TypeKind::kString,     TypeKind::kTimestamp};
  for (TypeKind known : kKinds) {
    if (known == kind) return true;
  }
  return false;
}

void ReadClustering(const YamlNode& node, const std::string& where, Table* table,
                    Reading* reading) {
  const YamlNode* clustering = node.Find("clustering");
  if (clustering == nullptr) return;
  for (const YamlNode& item : clustering->items) {
    const schema::Column* column = NamedColumn(*table, item, where, reading);
    if (column == nullptr) continue;
    if (!CanCluster(column->type.kind)) {
      reading->findings->Add(item.place, Concat(where, ": column ", column->name, " of type ",
                                                column->type.ToString(), " cannot cluster"));
    }
    for (const std::string& other : table->clustering) {
      if (other == column->name) {
        reading->findings->Add(item.place, Concat(where, ": column ", other, " clusters twice"));
      }
    }
    table->clustering.push_back(column->name);
  }
}

Table ReadTable(const YamlEntry& entry, const std::string& dataset, Reading* reading) {
  Table table;
  table.name = entry.key.text;
  std::string where = Concat("datasets.", dataset, ".tables.", table.name);
  if (schema::EqualsIgnoreCase(table.name, "dead_letters")) {
    reading->findings->Add(entry.key.place,
                           Concat(where,
                                  ": the name dead_letters is reserved for the messages "
                                  "that functions could not store"));
  }
  if (const YamlNode* columns = entry.value.Find("schema")) {
    table.schema = ColumnReader(where, reading).Read(*columns);
  }
  ReadPartitioning(entry.value, Concat(where, ".time_partitioning"), &table, reading);
  ReadClustering(entry.value, Concat(where, ".clustering"), &table, reading);
  table.description = TextOf(entry.value, "description");
  return table;
}

// The embedded warehouse does not tell such names apart, BigQuery does.
void CheckCase(const YamlEntry& entry, std::string_view where, std::set<std::string>* seen,
               Reading* reading) {
  if (seen->insert(schema::Lowercase(entry.key.text)).second) return;
  reading->findings->Add(entry.key.place,
                         Concat(where, ": names that differ only in case (", entry.key.text,
                                ") are not supported by this version"));
}

}  // namespace

void ReadDatasets(const YamlNode& datasets, Reading* reading) {
  std::set<std::string> dataset_names;
  for (const YamlEntry& entry : datasets.entries) {
    CheckCase(entry, "datasets", &dataset_names, reading);
    Dataset dataset;
    dataset.name = entry.key.text;
    dataset.location = TextOf(entry.value, "location");
    if (schema::EqualsIgnoreCase(dataset.name, "INFORMATION_SCHEMA")) {
      reading->findings->Add(entry.key.place, "datasets: INFORMATION_SCHEMA is a reserved name");
    }
    if (const YamlNode* tables = entry.value.Find("tables")) {
      std::set<std::string> table_names;
      for (const YamlEntry& table : tables->entries) {
        CheckCase(table, Concat("datasets.", dataset.name, ".tables"), &table_names, reading);
        dataset.tables.push_back(ReadTable(table, dataset.name, reading));
      }
    }
    reading->spec->datasets.push_back(std::move(dataset));
  }
}

}  // namespace afluente::spec
