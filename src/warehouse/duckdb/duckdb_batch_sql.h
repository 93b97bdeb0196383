#pragma once

#include <memory>
#include <string_view>

#include "absl/synchronization/mutex.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// Compiles SQL transforms to run in a DuckDB in memory, apart from the database file. Thread-safe;
// what it compiles may outlive it.
class DuckdbBatchSqlCompiler final : public BatchSqlCompiler {
 public:
  DuckdbBatchSqlCompiler();
  ~DuckdbBatchSqlCompiler() override;
  absl::StatusOr<std::unique_ptr<BatchSql>> Compile(std::string_view sql,
                                                    const TableSchema& target) override;

 private:
  struct Memory;
  absl::Mutex mutex_;
  // Shared with the transforms that run in it. Opened by the first Compile.
  std::shared_ptr<Memory> memory_ ABSL_GUARDED_BY(mutex_);
  int compiled_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::warehouse::duckdb
