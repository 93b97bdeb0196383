#include <algorithm>

#include "schema/text.h"
#include "warehouse/jobs/job_work.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Column;
using schema::Concat;
using schema::Mode;

const Column* FindColumn(const std::vector<Column>& columns, const std::string& name) {
  for (const Column& column : columns) {
    if (schema::EqualsIgnoreCase(column.name, name)) return &column;
  }
  return nullptr;
}

absl::Status Mismatch(const TableName& name, std::string what) {
  return absl::InvalidArgumentError(Concat("Provided Schema does not match Table ", name.project,
                                           ":", name.dataset, ".", name.table, ". ", what));
}

// The stored table with what the rows add to it.
absl::Status Widen(const Destination& destination, const std::vector<Column>& columns,
                   TableSchema& table) {
  for (const Column& given : columns) {
    const Column* known = FindColumn(table.columns, given.name);
    if (known == nullptr) {
      if (!destination.add_fields) {
        return Mismatch(table.name, Concat("Cannot add fields (field: ", given.name, ")"));
      }
      Column added = given;
      added.mode = Mode::kNullable;
      table.columns.push_back(std::move(added));
      continue;
    }
    if (known->mode == Mode::kRequired && given.mode == Mode::kNullable &&
        destination.relax_fields) {
      auto& column = const_cast<Column&>(*known);
      column.mode = Mode::kNullable;
    }
  }
  if (!destination.relax_fields) return absl::OkStatus();
  for (Column& column : table.columns) {
    if (FindColumn(columns, column.name) == nullptr) column.mode = Mode::kNullable;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PlanDestination(const Catalog& catalog, const Destination& destination,
                             const std::vector<Column>& columns, TableCommit& commit) {
  const TableName& name = destination.table.name;
  const std::optional<TableSchema> stored = catalog.FindTable(name);
  TableRows rows;
  rows.table = name;
  if (!stored && !destination.create) {
    return absl::NotFoundError(
        Concat("Not found: Table ", name.project, ":", name.dataset, ".", name.table));
  }
  if (stored && destination.write == Destination::Write::kTruncate && !stored->function_fed) {
    TableSchema table = destination.table;
    table.columns = columns;
    // Rows are replaced; what the table is called and how it is laid out stays unless it is given.
    if (table.partitioning.unit == PartitionUnit::kNone) table.partitioning = stored->partitioning;
    if (table.clustering.empty()) table.clustering = stored->clustering;
    std::erase_if(table.clustering, [&](const std::string& column) {
      return FindColumn(columns, column) == nullptr;
    });
    if (!table.partitioning.field.empty() &&
        FindColumn(columns, table.partitioning.field) == nullptr) {
      table.partitioning = Partitioning();
    }
    if (table.description.empty()) table.description = stored->description;
    if (!table.properties) table.properties = stored->properties;
    table.created_ms = stored->created_ms;
    commit.definitions.push_back({std::move(table), TableDefinition::Mode::kReplace});
  } else if (stored) {
    TableSchema table = *stored;
    if (absl::Status widened = Widen(destination, columns, table); !widened.ok()) return widened;
    if (table.columns != stored->columns) {
      commit.definitions.push_back({std::move(table), TableDefinition::Mode::kEnsure});
    }
    rows.truncate = destination.write == Destination::Write::kTruncate;
    rows.must_be_empty = destination.write == Destination::Write::kEmpty;
  } else {
    TableSchema table = destination.table;
    table.columns = columns;
    commit.definitions.push_back({std::move(table), TableDefinition::Mode::kEnsure});
  }
  commit.tables.push_back(std::move(rows));
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::jobs
