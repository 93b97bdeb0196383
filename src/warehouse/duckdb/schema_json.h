#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "warehouse/duckdb/live_catalog.h"

namespace afluente::warehouse::duckdb {

// A table's entry, its name and function left out, as JSON in the shape of BigQuery's table
// resource. This is what the engine's own tables keep.
std::string EntryToJson(const TableEntry& entry);
// The records that keep datasets' properties.
inline constexpr std::string_view kDatasetSpace = "datasets";
std::string DatasetKey(std::string_view project, std::string_view dataset);
std::string DatasetToJson(const Dataset& dataset);
// What `json` does not say stays as a new dataset has it.
Dataset DatasetFromJson(std::string_view json);

// DATA_LOSS when `json` is not what EntryToJson makes.
absl::StatusOr<TableEntry> EntryFromJson(TableName name, std::string_view json);

}  // namespace afluente::warehouse::duckdb
