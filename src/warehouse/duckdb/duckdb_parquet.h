#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/parquet.h"

namespace afluente::warehouse::duckdb {

// Parquet by DuckDB's own writer, over one database in memory that all files share; opened by the
// first. A file's rows wait there, then are written into memory that no file system sees. Any
// thread; keeps nothing.
class DuckdbParquet final : public ParquetFormat {
 public:
  absl::StatusOr<std::unique_ptr<ParquetFile>> Begin(
      const std::vector<schema::Column>& columns) override;

 private:
  absl::Mutex mutex_;
  DatabaseHandle database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::warehouse::duckdb
