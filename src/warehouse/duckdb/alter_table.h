#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/table.h"

namespace afluente::warehouse::duckdb {

// How a stored table becomes a wanted one.
struct Alteration {
  std::vector<std::string> statements;  // DuckDB's, in order; empty when only our record changes
  TableSchema result;
  bool changed = false;
};

// Adds the message columns to a table that a function feeds, unless they are listed.
void AddMessageColumns(TableSchema& table);

// FAILED_PRECONDITION names the column or property whose change BigQuery does not allow.
absl::StatusOr<Alteration> PlanAlteration(const TableSchema& stored, const TableSchema& wanted);

// INVALID_ARGUMENT for names and structures that BigQuery refuses.
absl::Status CheckTable(const TableSchema& table);
absl::Status CheckDatasetName(std::string_view dataset);

}  // namespace afluente::warehouse::duckdb
