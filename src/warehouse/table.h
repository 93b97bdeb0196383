#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/type.h"

namespace afluente::warehouse {

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
  bool filter_required = false;  // a query must say which partitions it reads
  friend bool operator==(const Partitioning&, const Partitioning&) = default;
};

enum class RelationKind { kTable, kView, kMaterializedView, kSnapshot, kClone };

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
  std::string view_query;      // a view's, in GoogleSQL
  int64_t created_micros = 0;  // 0 = not known
};

// Partitioned by the time of storing, which an engine keeps in a column called kPartitionTime.
inline bool IngestionPartitioned(const TableSchema& table) {
  return table.partitioning.unit != PartitionUnit::kNone && table.partitioning.field.empty();
}
inline constexpr char kPartitionTime[] = "_PARTITIONTIME";

}  // namespace afluente::warehouse
