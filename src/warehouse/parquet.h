#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse {

// One result on its way into a Parquet file in memory. Owned by the caller, one thread.
class ParquetFile {
 public:
  virtual ~ParquetFile() = default;
  // INVALID_ARGUMENT for values that are not of their type; RESOURCE_EXHAUSTED when they do not fit
  // the memory that all files share.
  virtual absl::Status Append(const ColumnBatch& batch) = 0;
  // Of the values so far, before they are encoded.
  virtual size_t bytes() const = 0;
  // The whole file. Called once, last.
  virtual absl::StatusOr<std::string> Finish() = 0;
};

// Port: writes results as Parquet files: INT64, FLOAT64, BOOL, STRING and BYTES as themselves,
// NUMERIC as DECIMAL(38, 9), DATE, TIME, DATETIME and TIMESTAMP in microseconds (TIMESTAMP in UTC),
// JSON as JSON, ARRAY as list, STRUCT as group, RANGE as a group of start and end; BIGNUMERIC and
// INTERVAL as STRING, since no Parquet type that readers know holds all of theirs. All columns may
// be NULL. Outlives its files; thread-safe.
class ParquetFormat {
 public:
  virtual ~ParquetFormat() = default;
  virtual absl::StatusOr<std::unique_ptr<ParquetFile>> Begin(
      const std::vector<schema::Column>& columns) = 0;
};

}  // namespace afluente::warehouse
