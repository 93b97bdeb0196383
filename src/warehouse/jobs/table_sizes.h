#pragma once

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "warehouse/catalog.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::jobs {

struct TableSize {
  int64_t rows = 0;
  int64_t bytes = 0;  // BigQuery's logical bytes; of many rows an estimate from the first ones
};

// How large tables are, remembered for each table's version. Thread-safe; a bounded number.
class TableSizes {
 public:
  TableSizes(Warehouse& warehouse, const Catalog& catalog)
      : warehouse_(warehouse), catalog_(catalog) {}
  // NOT_FOUND; a view has none. Blocks.
  absl::StatusOr<TableSize> Of(const TableName& name);
  // All of them together, as far as they exist.
  int64_t BytesOf(const std::vector<TableName>& names);

 private:
  struct Entry {
    uint64_t version = 0;
    TableSize size;
  };
  absl::StatusOr<TableSize> Measure(const TableSchema& table);

  Warehouse& warehouse_;
  const Catalog& catalog_;
  absl::Mutex mutex_;
  std::map<TableName, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::warehouse::jobs
