#pragma once

#include "warehouse/table_writer.h"

namespace afluente::warehouse::duckdb {

struct Engine;

// The TableWriter port over the opened database. Owned by DuckdbDatabase; thread-safe.
class DuckdbTableWriter final : public TableWriter {
 public:
  explicit DuckdbTableWriter(Engine& engine) : engine_(engine) {}

  absl::StatusOr<std::vector<int64_t>> Commit(TableCommit commit) override;
  absl::StatusOr<std::unique_ptr<ResultStream>> Run(const Statement& statement,
                                                    const std::vector<Parameter>& parameters,
                                                    const QueryLimits& limits,
                                                    const RecordsOf& records) override;
  absl::StatusOr<std::vector<DurableRecord>> Records(std::string_view space) const override;
  const std::string& staging_directory() const override;
  absl::StatusOr<std::vector<schema::Column>> ParquetColumns(
      const std::string& file) const override;
  absl::StatusOr<int64_t> ParquetRows(const std::string& file) const override;

 private:
  Engine& engine_;
};

}  // namespace afluente::warehouse::duckdb
