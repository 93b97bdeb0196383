#pragma once

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

enum class PartitionUnit { kNone, kHour, kDay, kMonth, kYear };

struct Partitioning {
  PartitionUnit unit = PartitionUnit::kNone;
  std::string field;  // empty = ingestion time
  friend bool operator==(const Partitioning&, const Partitioning&) = default;
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
};

}  // namespace afluente::warehouse
