#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "warehouse/catalog.h"
#include "warehouse/table.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// A table or view as the engine keeps it. `schema.columns` are in the order of the stored columns.
struct TableEntry {
  TableSchema schema;
  std::string fed_by;  // the function that last committed rows to it; may be empty
  bool view = false;
  std::vector<TableName> reads;  // the tables that a view's query reads
};

// What exists at one commit. Immutable once published, so any thread may read it.
class CatalogSnapshot final : public CatalogView, public CatalogListing {
 public:
  std::optional<TableSchema> FindTable(const TableName& name) const override;
  bool HasDataset(std::string_view project, std::string_view dataset) const override;
  std::optional<Dataset> FindDataset(std::string_view project,
                                     std::string_view dataset) const override;

  std::vector<std::string> Datasets(std::string_view project) const override;
  std::vector<TableSchema> Tables(std::string_view project,
                                  std::string_view dataset) const override;
  std::vector<std::shared_ptr<const Routine>> Routines(std::string_view project,
                                                       std::string_view dataset) const override;
  std::shared_ptr<const Routine> FindRoutine(const TableName& name) const override;
  std::vector<TableName> ExpiredTables(int64_t now_ms) const override;
  std::vector<TableSchema> TablesOfExpiringPartitions() const override;

  // nullptr when there is none.
  std::shared_ptr<const TableEntry> Find(const TableName& name) const;
  // `names` with every view replaced by the tables that it reads; each once.
  std::vector<TableName> WithoutViews(const std::vector<TableName>& names) const;

  std::map<TableName, std::shared_ptr<const TableEntry>> tables;
  std::map<TableName, std::shared_ptr<const Routine>> routines;
  std::set<std::pair<std::string, std::string>, std::less<>> datasets;
  std::map<std::pair<std::string, std::string>, Dataset, std::less<>> dataset_properties;
  uint64_t generation = 0;
};

// The catalog in memory as of the last commit, with the tables' versions and the
// functions' records. Thread-safe; written by
// the committer alone.
class LiveCatalog {
 public:
  std::shared_ptr<const CatalogSnapshot> snapshot() const;
  // The version of each table; NOT_FOUND when one does not exist.
  absl::StatusOr<std::vector<TableVersion>> Versions(const std::vector<TableName>& tables) const;

  // By name.
  std::vector<FunctionRecord> Functions() const;
  // Empty when it has committed nothing.
  FunctionRecord Function(std::string_view function) const;

  // `next` is nullptr when only versions and records changed.
  void Publish(std::shared_ptr<const CatalogSnapshot> next,
               const std::vector<TableVersion>& versions,
               const std::vector<FunctionRecord>& functions);

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const CatalogSnapshot> snapshot_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<CatalogSnapshot>();
  std::map<TableName, uint64_t> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, FunctionRecord, std::less<>> functions_ ABSL_GUARDED_BY(mutex_);
};

// A script's own dataset, which nothing lists.
bool IsTemporaryDataset(std::string_view dataset);

// The quoted names by which the engine's SQL calls a dataset and a table.
std::string DatasetSql(std::string_view project, std::string_view dataset);
std::string TableSql(const TableName& name);

}  // namespace afluente::warehouse::duckdb
