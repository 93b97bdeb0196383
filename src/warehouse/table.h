#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/type.h"

namespace afluente::warehouse {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct TableName {
  std::string project;
  std::string dataset;
  std::string table;

  friend auto operator<=>(const TableName&, const TableName&) = default;
  std::string ToString() const { return project + "." + dataset + "." + table; }
};

// kRange: of integers.
enum class PartitionUnit { kNone, kHour, kDay, kMonth, kYear, kRange };

struct Partitioning {
  PartitionUnit unit = PartitionUnit::kNone;
  std::string field;  // empty = ingestion time
  int64_t range_start = 0;
  int64_t range_end = 0;
  int64_t range_interval = 0;
  friend bool operator==(const Partitioning&, const Partitioning&) = default;
};

enum class RelationKind { kTable, kView, kMaterializedView, kSnapshot, kClone };

// What BigQuery knows of a dataset.
struct Dataset {
  std::string project;
  std::string dataset;
  std::string location = "US";
  std::string friendly_name;
  std::string description;
  Labels labels;
  std::optional<int64_t> default_table_expiration_ms;
  int64_t created_ms = 0;   // since 1970; kept by the engine
  int64_t modified_ms = 0;  // the same
};

// A table's properties that are no part of its shape.
struct TableProperties {
  std::string friendly_name;
  Labels labels;
  std::optional<int64_t> expires_ms;  // since 1970; the table is dropped then
  // From a partition's start on, in UTC; its rows are deleted then. By time alone.
  std::optional<int64_t> partition_expiration_ms;
  bool require_partition_filter = false;  // a query must say which partitions it reads
  friend bool operator==(const TableProperties&, const TableProperties&) = default;
};

// What BigQuery knows of a table.
struct TableSchema {
  TableName name;
  std::vector<schema::Column> columns;
  Partitioning partitioning;
  std::vector<std::string> clustering;
  std::string description;
  // Fed by a function: has `_message_id STRING` and `_message_row INT64` after `columns`.
  bool function_fed = false;
  RelationKind kind = RelationKind::kTable;
  // Unset in what is asked for: they stay as they are. Set in what is found.
  std::optional<TableProperties> properties;
  // The query of a view, in GoogleSQL; empty for a table.
  std::string view_query;
  int64_t created_ms = 0;   // since 1970; kept by the engine
  int64_t modified_ms = 0;  // the definition's; the same
};

// Partitioned by the time of storing, which an engine keeps in a column called kPartitionTime.
inline bool IngestionPartitioned(const TableSchema& table) {
  return table.partitioning.unit != PartitionUnit::kNone && table.partitioning.field.empty();
}
inline bool RequiresPartitionFilter(const TableSchema& table) {
  return table.properties && table.properties->require_partition_filter;
}
inline constexpr char kPartitionTime[] = "_PARTITIONTIME";

}  // namespace afluente::warehouse
