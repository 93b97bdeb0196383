#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/table.h"

namespace afluente::warehouse::bigquery {

// BigQuery's JSON of tables (`Table`, `TableSchema`, `TimePartitioning`, `Clustering` of its REST
// API) and ours. Reading answers UNIMPLEMENTED for a type that we lack, by name.
absl::StatusOr<std::vector<schema::Column>> ReadSchema(const nlohmann::json& schema);
absl::StatusOr<TableSchema> ReadTable(const nlohmann::json& table);
TableName ReadTableReference(const nlohmann::json& reference);

nlohmann::json WriteSchema(const std::vector<schema::Column>& columns);
// With `_message_id` and `_message_row` as a primary key that BigQuery does not enforce where a
// function feeds the table: what the Storage Write API's upserts go by.
nlohmann::json WriteTable(const TableSchema& table);

// The columns of a table as queries see them: those of messages included.
std::vector<schema::Column> StoredColumns(const TableSchema& table);

inline constexpr char kMessageId[] = "_message_id";
inline constexpr char kMessageRow[] = "_message_row";

}  // namespace afluente::warehouse::bigquery
