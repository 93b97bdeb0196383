#pragma once

#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/catalog.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::jobs {

// Drops tables when their expiration time has come, and deletes the rows of partitions whose has,
// within a minute of it. Owned by the door; one thread of its own.
class TableExpiry {
 public:
  TableExpiry(Warehouse& warehouse, Catalog& catalog, const host::Clock& clock);
  ~TableExpiry();

  // Drops and deletes what has expired now; what a round of the thread does. Blocks.
  void DropExpired();

 private:
  void Loop();
  void DropTables(int64_t now_ms);
  absl::Status DeletePartitions(const TableSchema& table, int64_t now_ms);
  absl::StatusOr<std::unique_ptr<ResultStream>> Run(const std::string& sql, int64_t expired_ms);

  Warehouse& warehouse_;
  Catalog& catalog_;
  const host::Clock& clock_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// What rows in partitions of `table` that began at or before @expired, a TIMESTAMP, have in common,
// in GoogleSQL. Empty when there is nothing to tell a row's partition by.
std::string InExpiredPartition(const TableSchema& table);

}  // namespace afluente::warehouse::jobs
