#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/file_system.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::jobs {

// A finished query's rows, in memory or, when they are many, in a file of the staging directory.
// Immutable; any thread. The file goes with it.
class QueryResult {
 public:
  ~QueryResult();
  const std::vector<schema::Column>& columns() const { return columns_; }
  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }

  // Calls `visit` with each row from `start` on, in order, until it says false. Blocks.
  absl::Status Visit(uint64_t start,
                     absl::FunctionRef<bool(const ColumnBatch& batch, size_t row)> visit) const;

 private:
  friend class ResultStore;
  struct Piece {
    uint64_t first_row = 0;
    std::shared_ptr<const ColumnBatch> batch;  // nullptr: in the file
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  absl::Status Add(ColumnBatch batch);
  absl::Status Spill();
  absl::Status WritePiece(Piece& piece, const ColumnBatch& batch);
  absl::StatusOr<std::shared_ptr<const ColumnBatch>> Load(const Piece& piece) const;

  host::FileSystem* files_ = nullptr;
  std::string path_;
  std::unique_ptr<host::File> file_;
  std::vector<schema::Column> columns_;
  std::vector<Piece> pieces_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  uint64_t memory_bytes_ = 0;
};

// The rows of finished queries by their name, a bounded number of bytes of them: the oldest go.
// They do not survive a restart. Thread-safe.
class ResultStore {
 public:
  ResultStore(host::FileSystem& files, std::string staging_directory)
      : files_(files), staging_directory_(std::move(staging_directory)) {}

  // Reads the stream to its end. RESOURCE_EXHAUSTED when the result is larger than any may be.
  // Shared: whoever reads a page keeps what the store has let go.
  absl::StatusOr<std::shared_ptr<const QueryResult>> Keep(const std::string& name,
                                                          ResultStream& stream);
  // nullptr when it is not kept (any more).
  std::shared_ptr<const QueryResult> Find(const std::string& name) const;
  void Remove(const std::string& name);

 private:
  struct Entry {
    std::shared_ptr<const QueryResult> result;
    std::list<std::string>::iterator place;
  };
  void Erase(std::map<std::string, Entry>::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  host::FileSystem& files_;
  const std::string staging_directory_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> by_age_ ABSL_GUARDED_BY(mutex_);  // oldest first
  uint64_t memory_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t disk_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::warehouse::jobs
