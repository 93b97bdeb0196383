#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "schema/value.h"
#include "warehouse/bigquery/storage_writer.h"
#include "warehouse/table.h"

namespace google::cloud::bigquery::storage::v1 {
class AppendRowsRequest;
}

namespace afluente::warehouse::bigquery {

struct StorageChannel;

// Rows into a table all at once, through a pending stream of the Storage Write API: they are seen
// when the load is committed and never before, and each once, whatever is sent again. A load goes
// on where it was in another process by its stream's name. One thread.
class TableLoad {
 public:
  struct Parts {
    AccessToken token;
    const host::Clock& clock;
    StorageOptions options;
  };
  // `columns` are those of the rows, by the table's names. Blocks, as all do. NOT_FOUND for the
  // table.
  static absl::StatusOr<std::unique_ptr<TableLoad>> Begin(const Parts& parts, TableName table,
                                                          std::vector<schema::Column> columns);
  // NOT_FOUND for a stream that is gone, with all that was not committed.
  static absl::StatusOr<std::unique_ptr<TableLoad>> Resume(const Parts& parts, TableName table,
                                                           std::vector<schema::Column> columns,
                                                           std::string stream);
  ~TableLoad();

  const std::string& stream() const { return stream_; }
  bool committed() const { return committed_; }

  // The load's rows from number `offset` on, at most 8 MiB; OK when they are there already. Errors
  // as StorageWriter's; OUT_OF_RANGE when rows before `offset` are missing.
  absl::Status Append(uint64_t offset, const std::vector<std::vector<schema::Value>>& rows);
  // All that was appended; OK when it was committed before.
  absl::Status Commit();

 private:
  TableLoad(const Parts& parts, TableName table, std::vector<schema::Column> columns);
  absl::Status Create();
  absl::Status Look();
  absl::Status AppendOnce(const google::cloud::bigquery::storage::v1::AppendRowsRequest& request,
                          std::chrono::milliseconds timeout);
  absl::Status CommitOnce(std::chrono::milliseconds timeout);
  host::MonotonicTime Deadline() const;

  const Parts parts_;
  const std::string table_;  // its resource name
  const std::vector<schema::Column> columns_;
  const std::unique_ptr<StorageChannel> channel_;
  std::string stream_;
  bool committed_ = false;
};

}  // namespace afluente::warehouse::bigquery
