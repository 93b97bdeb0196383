#pragma once

#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

struct Engine;

// The Warehouse port over the opened database. Owned by DuckdbDatabase; thread-safe.
class DuckdbWarehouse final : public Warehouse {
 public:
  explicit DuckdbWarehouse(Engine& engine) : engine_(engine) {}

  absl::Status Append(const FunctionCommit& commit) override;
  absl::StatusOr<std::unique_ptr<ResultStream>> Query(const Statement& statement,
                                                      const std::vector<Parameter>& parameters,
                                                      const QueryLimits& limits) override;
  absl::StatusOr<StatementFacts> Describe(const Statement& statement,
                                          const std::vector<Parameter>& parameters) override;
  absl::StatusOr<std::vector<TableVersion>> Versions(
      const std::vector<TableName>& tables) const override;
  absl::StatusOr<std::vector<FunctionRecord>> Functions() const override;
  absl::StatusOr<FunctionAccount> Account(const std::string& function,
                                          const TableName& table) const override;
  absl::StatusOr<std::vector<OutboxEntry>> Outbox(size_t max) const override;
  absl::Status RemoveFromOutbox(const std::vector<std::string>& keys) override;

 private:
  Engine& engine_;
};

}  // namespace afluente::warehouse::duckdb
