#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/table.h"

namespace afluente::warehouse::jobs {

// BigQuery's TableSchema, TableReference and layout resources. INVALID_ARGUMENT names what is
// wrong, UNIMPLEMENTED what is not supported (a length of STRING, a default value, ...).

absl::StatusOr<std::vector<schema::Column>> ColumnsFromJson(const nlohmann::json& schema);
nlohmann::json ColumnsToJson(const std::vector<schema::Column>& columns);

// The project may be left out.
absl::StatusOr<TableName> TableNameFromJson(const nlohmann::json& reference,
                                            const std::string& default_project);
nlohmann::json TableNameToJson(const TableName& name);

// timePartitioning, clustering and requirePartitionFilter, of a table or of a job's destination.
absl::Status LayoutFromJson(const nlohmann::json& resource, TableSchema& table);
void LayoutToJson(const TableSchema& table, nlohmann::json& resource);

// Keys and values as BigQuery allows them.
absl::StatusOr<Labels> LabelsFromJson(const nlohmann::json& labels);
nlohmann::json LabelsToJson(const Labels& labels);

}  // namespace afluente::warehouse::jobs
