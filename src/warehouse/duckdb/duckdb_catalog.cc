#include "warehouse/duckdb/duckdb_catalog.h"

#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/dead_letter_table.h"
#include "warehouse/duckdb/alter_table.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/key_index.h"
#include "warehouse/duckdb/row_chunks.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr std::string_view kDeadLetters = "dead_letters";

// DuckDB's names are case-insensitive, BigQuery's are not.
absl::Status CheckCase(const CatalogSnapshot& catalog, const TableName& name) {
  for (const auto& [other, entry] : catalog.tables) {
    if (other != name && other.project == name.project &&
        schema::EqualsIgnoreCase(other.dataset, name.dataset) &&
        schema::EqualsIgnoreCase(other.table, name.table)) {
      return absl::UnimplementedError(
          schema::Concat("tables whose names differ only in case: ", name.ToString(), " beside ",
                         other.ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AlterTableIn(WriteTransaction& transaction, const TableEntry& stored,
                          const TableSchema& wanted) {
  AFLUENTE_ASSIGN_OR_RETURN(Alteration plan, PlanAlteration(stored.schema, wanted));
  if (!plan.changed) return absl::OkStatus();
  AFLUENTE_RETURN_IF_ERROR(DropKeyIndex(transaction.session(), stored.schema));
  for (const std::string& statement : plan.statements) {
    AFLUENTE_RETURN_IF_ERROR(transaction.session().Execute(statement));
  }
  AFLUENTE_RETURN_IF_ERROR(CreateKeyIndex(transaction.session(), plan.result));
  return transaction.PutTable({std::move(plan.result), stored.fed_by, false, {}});
}

absl::Status CreateDatasetIn(WriteTransaction& transaction, const Dataset& wanted) {
  const std::string& project = wanted.project;
  const std::string& dataset = wanted.dataset;
  AFLUENTE_RETURN_IF_ERROR(CheckDatasetName(dataset));
  if (project.empty()) return absl::InvalidArgumentError("a dataset needs a project");
  if (transaction.catalog().HasDataset(project, dataset)) {
    return absl::AlreadyExistsError(
        schema::Concat("Already Exists: Dataset ", project, ":", dataset));
  }
  for (const auto& [other_project, other] : transaction.catalog().datasets) {
    if (schema::EqualsIgnoreCase(other, dataset) &&
        schema::EqualsIgnoreCase(other_project, project)) {
      return absl::UnimplementedError(
          schema::Concat("datasets whose names differ only in case: ", dataset, " beside ", other));
    }
  }
  return transaction.CreateDataset(wanted);
}

absl::Status CreateTableIn(WriteTransaction& transaction, TableSchema table) {
  const CatalogSnapshot& catalog = transaction.catalog();
  if (!catalog.HasDataset(table.name.project, table.name.dataset)) {
    return absl::NotFoundError(
        schema::Concat("Not found: Dataset ", table.name.project, ":", table.name.dataset));
  }
  if (catalog.Find(table.name) != nullptr) {
    return absl::AlreadyExistsError(
        schema::Concat("Already Exists: Table ", table.name.ToString()));
  }
  if (table.name.table == kDeadLetters && table.columns != DeadLetterTable(table.name).columns) {
    return absl::InvalidArgumentError(
        schema::Concat("table name ", kDeadLetters, " is reserved for dead letters"));
  }
  AFLUENTE_RETURN_IF_ERROR(CheckCase(catalog, table.name));
  AddMessageColumns(table);
  AFLUENTE_RETURN_IF_ERROR(CheckTable(table));
  return transaction.CreateTable(table);
}

absl::StatusOr<int64_t> CountMessagesIn(Session& session, const TableName& name) {
  AFLUENTE_ASSIGN_OR_RETURN(
      ColumnBatch count,
      session.Read(schema::Concat("SELECT count(DISTINCT _message_id) FROM ", TableSql(name))));
  return count.columns[0].ints[0];
}

absl::Status CountRemovedIn(WriteTransaction& transaction, const TableEntry& entry) {
  if (!entry.schema.function_fed || entry.fed_by.empty()) return absl::OkStatus();
  OutcomeCounters removed;
  AFLUENTE_ASSIGN_OR_RETURN(removed.removed,
                            CountMessagesIn(transaction.session(), entry.schema.name));
  transaction.RecordFunction(entry.fed_by, removed, std::nullopt);
  return absl::OkStatus();
}

absl::Status DropTableIn(WriteTransaction& transaction, const TableName& name) {
  std::shared_ptr<const TableEntry> entry = transaction.catalog().Find(name);
  if (entry == nullptr) {
    return absl::NotFoundError(schema::Concat("Not found: Table ", name.ToString()));
  }
  AFLUENTE_RETURN_IF_ERROR(CountRemovedIn(transaction, *entry));
  AFLUENTE_RETURN_IF_ERROR(transaction.session().Execute(
      schema::Concat(entry->view ? "DROP VIEW " : "DROP TABLE ", TableSql(name))));
  return transaction.RemoveTable(name);
}

absl::Status DropDatasetIn(WriteTransaction& transaction, std::string_view project,
                           std::string_view dataset, bool cascade) {
  std::vector<TableName> names;
  for (const auto& [name, entry] : transaction.catalog().tables) {
    if (name.project == project && name.dataset == dataset) names.push_back(name);
  }
  // Views first: DuckDB drops no table that one of them reads.
  std::stable_partition(names.begin(), names.end(), [&](const TableName& name) {
    return transaction.catalog().Find(name)->view;
  });
  if (!names.empty() && !cascade) {
    return absl::FailedPreconditionError(
        schema::Concat("Dataset ", project, ":", dataset, " is still in use"));
  }
  for (const TableName& name : names) AFLUENTE_RETURN_IF_ERROR(DropTableIn(transaction, name));
  for (const auto& routine : transaction.catalog().Routines(project, dataset)) {
    AFLUENTE_RETURN_IF_ERROR(transaction.RemoveRoutine(routine->name));
  }
  return transaction.DropDataset(project, dataset);
}

std::optional<TableSchema> DuckdbCatalog::FindTable(const TableName& name) const {
  return live_.snapshot()->FindTable(name);
}

bool DuckdbCatalog::HasDataset(std::string_view project, std::string_view dataset) const {
  return live_.snapshot()->HasDataset(project, dataset);
}

absl::Status DuckdbCatalog::EnsureDataset(std::string_view project, std::string_view dataset) {
  if (HasDataset(project, dataset)) return absl::OkStatus();
  Dataset wanted;
  wanted.project = std::string(project);
  wanted.dataset = std::string(dataset);
  absl::Status status = CreateDataset(wanted);
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status DuckdbCatalog::EnsureTable(const TableSchema& table) {
  TableSchema wanted = table;
  AddMessageColumns(wanted);
  AFLUENTE_RETURN_IF_ERROR(CheckTable(wanted));
  std::shared_ptr<const TableEntry> known = live_.snapshot()->Find(wanted.name);
  if (known != nullptr) {
    AFLUENTE_ASSIGN_OR_RETURN(Alteration plan, PlanAlteration(known->schema, wanted));
    if (!plan.changed) return absl::OkStatus();
  }
  return committer_.Run([&](WriteTransaction& transaction) {
    std::shared_ptr<const TableEntry> stored = transaction.catalog().Find(wanted.name);
    if (stored != nullptr && stored->view) {
      return absl::FailedPreconditionError(
          schema::Concat(wanted.name.ToString(), " is a view, not a table"));
    }
    return stored == nullptr ? CreateTableIn(transaction, wanted)
                             : AlterTableIn(transaction, *stored, wanted);
  });
}

absl::StatusOr<std::vector<std::string>> DuckdbCatalog::ListDatasets(
    std::string_view project) const {
  return live_.snapshot()->Datasets(project);
}

absl::StatusOr<std::vector<TableSchema>> DuckdbCatalog::ListTables(std::string_view project,
                                                                   std::string_view dataset) const {
  std::shared_ptr<const CatalogSnapshot> snapshot = live_.snapshot();
  if (!snapshot->HasDataset(project, dataset)) {
    return absl::NotFoundError(schema::Concat("Not found: Dataset ", project, ":", dataset));
  }
  std::vector<TableSchema> tables;
  for (const auto& [name, entry] : snapshot->tables) {
    if (name.project == project && name.dataset == dataset) tables.push_back(entry->schema);
  }
  return tables;
}

std::optional<Dataset> DuckdbCatalog::FindDataset(std::string_view project,
                                                  std::string_view dataset) const {
  return live_.snapshot()->FindDataset(project, dataset);
}

absl::Status DuckdbCatalog::CreateDataset(const Dataset& dataset) {
  return committer_.Run(
      [&](WriteTransaction& transaction) { return CreateDatasetIn(transaction, dataset); });
}

absl::Status DuckdbCatalog::UpdateDataset(const Dataset& dataset) {
  return committer_.Run([&](WriteTransaction& transaction) -> absl::Status {
    if (!transaction.catalog().HasDataset(dataset.project, dataset.dataset)) {
      return absl::NotFoundError(
          schema::Concat("Not found: Dataset ", dataset.project, ":", dataset.dataset));
    }
    transaction.PutDataset(dataset);
    return absl::OkStatus();
  });
}

absl::Status DuckdbCatalog::DropDataset(std::string_view project, std::string_view dataset,
                                        bool delete_contents) {
  return committer_.Run([&](WriteTransaction& transaction) -> absl::Status {
    if (!transaction.catalog().HasDataset(project, dataset)) {
      return absl::NotFoundError(schema::Concat("Not found: Dataset ", project, ":", dataset));
    }
    return DropDatasetIn(transaction, project, dataset, delete_contents);
  });
}

absl::Status DuckdbCatalog::DropTable(const TableName& name) {
  return committer_.Run(
      [&](WriteTransaction& transaction) { return DropTableIn(transaction, name); });
}

}  // namespace afluente::warehouse::duckdb
