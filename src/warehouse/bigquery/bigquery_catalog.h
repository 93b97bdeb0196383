#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/catalog.h"

namespace afluente::warehouse::bigquery {

// Datasets and tables of BigQuery's, by its REST API. What was read is kept for a minute, as names
// are resolved far more often than tables change. Thread-safe.
class BigqueryCatalog final : public Catalog {
 public:
  BigqueryCatalog(RestClient& rest, std::string location)
      : rest_(rest), location_(std::move(location)) {}

  // nullopt also when BigQuery cannot be asked: Load tells why.
  std::optional<TableSchema> FindTable(const TableName& name) const override;
  bool HasDataset(std::string_view project, std::string_view dataset) const override;

  absl::Status EnsureDataset(std::string_view project, std::string_view dataset) override;
  absl::Status EnsureTable(const TableSchema& table) override;
  absl::StatusOr<std::vector<std::string>> ListDatasets(std::string_view project) const override;
  absl::StatusOr<std::vector<TableSchema>> ListTables(std::string_view project,
                                                      std::string_view dataset) const override;
  absl::Status DropTable(const TableName& name) override;
  absl::Status CreateDataset(const Dataset& dataset) override;
  absl::Status UpdateDataset(const Dataset& dataset) override;
  absl::Status DropDataset(std::string_view project, std::string_view dataset,
                           bool delete_contents) override;

  // NOT_FOUND when there is none. Blocks.
  absl::StatusOr<TableSchema> Load(const TableName& name) const;

 private:
  struct Kept {
    TableSchema table;
    host::MonotonicTime until;
  };
  absl::StatusOr<nlohmann::json> Call(const RestCall& call) const;
  absl::Status Alter(const TableSchema& is, const TableSchema& wanted);
  void Forget(const TableName& name);

  RestClient& rest_;
  const std::string location_;
  mutable absl::Mutex mutex_;
  mutable std::map<TableName, Kept> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::warehouse::bigquery
