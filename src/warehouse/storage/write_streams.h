#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/catalog.h"
#include "warehouse/storage/proto_rows.h"
#include "warehouse/storage/stream_state.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse::storage {

// Why a call of the Storage Write API failed, in its own word (StorageError.StorageErrorCode), as
// the payload kStorageError of a status.
enum class StorageErrorCode {
  kTableNotFound = 1,
  kStreamAlreadyCommitted = 2,
  kStreamNotFound = 3,
  kInvalidStreamType = 4,
  kInvalidStreamState = 5,
  kStreamFinalized = 6,
  kExtraFields = 7,
  kOffsetAlreadyExists = 8,
  kOffsetOutOfRange = 9,
};
inline constexpr char kStorageError[] = "afluente/storage-error";
absl::Status StorageError(absl::StatusCode code, StorageErrorCode reason, std::string message);

// One request's rows.
struct RowsToAppend {
  std::vector<IncomingRow> rows;
  // What Restage makes the same rows of again, for streams whose rows wait beside the table.
  std::string staged;
};
// Decodes what RowsToAppend::staged holds, for the table as it is now.
using Restage = std::function<absl::StatusOr<std::vector<IncomingRow>>(const std::string& staged,
                                                                       const TableSchema& table)>;

// The write streams of the Storage Write API over the TableWriter port: an offset and the rows
// before it are in one commit, so neither a repeated request nor a crash stores a row twice. Rows
// of pending and buffered streams wait as durable records until they are committed or flushed.
// Thread-safe; requests of one stream follow each other.
class WriteStreams {
 public:
  static constexpr int64_t kStreamsMax = 10'000;
  static constexpr int64_t kStagedBytesMax = int64_t{256} << 20;  // of one stream

  WriteStreams(TableWriter& writer, const CatalogView& catalog, const host::Clock& clock,
               Restage restage)
      : writer_(writer), catalog_(catalog), clock_(clock), restage_(std::move(restage)) {}

  // Reads what is kept. Once, first.
  absl::Status Open();

  absl::StatusOr<StreamState> Create(const TableName& table, StreamType type);
  // The default stream of a table always is.
  absl::StatusOr<StreamState> Get(const StreamName& name) const;
  // The offset of the first row; nullopt for the default stream, which has none. On disk when OK.
  absl::StatusOr<std::optional<int64_t>> Append(const StreamName& name, RowsToAppend rows,
                                                std::optional<int64_t> offset);
  // No more rows; the number of those there are.
  absl::StatusOr<int64_t> Finalize(const StreamName& name);
  // Makes the rows of buffered streams visible up to and with `offset`.
  absl::StatusOr<int64_t> Flush(const StreamName& name, int64_t offset);
  // All or none of the pending streams; each that stands in the way is told.
  struct Commit {
    int64_t committed_us = 0;
    std::vector<std::pair<std::string, absl::Status>> errors;
  };
  absl::StatusOr<Commit> BatchCommit(const TableName& table, const std::vector<std::string>& names);

 private:
  struct Stream {
    absl::Mutex mutex;  // held while a request is under way
    StreamState state ABSL_GUARDED_BY(mutex);
  };
  using StreamPtr = std::shared_ptr<Stream>;  // shared with requests, while the map may lose it
  class StagedSource;

  absl::StatusOr<StreamPtr> Find(const StreamName& name) const;
  absl::StatusOr<TableSchema> Table(const TableName& name) const;
  absl::Status StoreRows(const TableSchema& table, std::vector<IncomingRow> rows,
                         std::vector<RecordChange> records);
  absl::Status AppendTo(Stream& stream, RowsToAppend& rows, std::optional<int64_t> offset)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(stream.mutex);
  absl::Status WhyNotCommitted(const StreamState& state) const;
  int64_t NowMicros() const { return clock_.Now().time_since_epoch().count(); }

  TableWriter& writer_;
  const CatalogView& catalog_;
  const host::Clock& clock_;
  const Restage restage_;
  mutable absl::Mutex mutex_;  // taken before a stream's
  std::map<std::string, StreamPtr> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::warehouse::storage
