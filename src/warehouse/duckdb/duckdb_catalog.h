#pragma once

#include "warehouse/catalog.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/routine_catalog.h"

namespace afluente::warehouse::duckdb {

class Committer;
class Session;
class WriteTransaction;

// Datasets and tables of the embedded engine. Owned by the database; thread-safe.
class DuckdbCatalog final : public Catalog, public RoutineCatalog {
 public:
  DuckdbCatalog(Committer& committer, const LiveCatalog& live)
      : committer_(committer), live_(live) {}

  std::optional<TableSchema> FindTable(const TableName& name) const override;
  bool HasDataset(std::string_view project, std::string_view dataset) const override;
  absl::Status EnsureDataset(std::string_view project, std::string_view dataset) override;
  absl::Status EnsureTable(const TableSchema& table) override;
  absl::StatusOr<std::vector<std::string>> ListDatasets(std::string_view project) const override;
  absl::StatusOr<std::vector<TableSchema>> ListTables(std::string_view project,
                                                      std::string_view dataset) const override;
  absl::Status DropTable(const TableName& name) override;
  std::optional<Dataset> FindDataset(std::string_view project,
                                     std::string_view dataset) const override;
  std::shared_ptr<const CatalogListing> Listing() const override { return live_.snapshot(); }
  std::vector<TableName> ExpiredTables(int64_t now_ms) const override {
    return live_.snapshot()->ExpiredTables(now_ms);
  }
  std::vector<TableSchema> TablesOfExpiringPartitions() const override {
    return live_.snapshot()->TablesOfExpiringPartitions();
  }
  absl::Status CreateDataset(const Dataset& dataset) override;
  absl::Status UpdateDataset(const Dataset& dataset) override;
  absl::Status DropDataset(std::string_view project, std::string_view dataset,
                           bool delete_contents) override;

 private:
  Committer& committer_;
  const LiveCatalog& live_;
};

// Parts that DDL statements share with the catalog, inside an open transaction.
absl::Status CreateDatasetIn(WriteTransaction& transaction, const Dataset& dataset);
// ALREADY_EXISTS when the table exists; its dataset must.
absl::Status CreateTableIn(WriteTransaction& transaction, TableSchema table);
// FAILED_PRECONDITION when BigQuery does not allow the change.
absl::Status AlterTableIn(WriteTransaction& transaction, const TableEntry& stored,
                          const TableSchema& wanted);
// A table or a view. Counts the messages that a table held as removed.
absl::Status DropTableIn(WriteTransaction& transaction, const TableName& name);
// FAILED_PRECONDITION when it has tables, unless `cascade`.
absl::Status DropDatasetIn(WriteTransaction& transaction, std::string_view project,
                           std::string_view dataset, bool cascade);
// Counts all messages of a table fed by a function as removed.
absl::Status CountRemovedIn(WriteTransaction& transaction, const TableEntry& entry);
// Distinct messages in a table fed by a function, as the transaction sees it.
absl::StatusOr<int64_t> CountMessagesIn(Session& session, const TableName& name);

}  // namespace afluente::warehouse::duckdb
