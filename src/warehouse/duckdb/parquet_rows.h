#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::warehouse::duckdb {

// The rows of a Parquet file in order, each as a JSON object as DuckDB's to_json writes it. With a
// database in memory of its own, bounded. One thread.
class ParquetRows {
 public:
  // INVALID_ARGUMENT for what is no readable Parquet file.
  static absl::StatusOr<std::unique_ptr<ParquetRows>> Open(const std::string& path);
  virtual ~ParquetRows() = default;
  // nullopt at the end.
  virtual absl::StatusOr<std::optional<std::string>> Next() = 0;
  virtual uint64_t rows_total() const = 0;
};

}  // namespace afluente::warehouse::duckdb
