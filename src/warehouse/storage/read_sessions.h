#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/catalog.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::storage {

enum class ReadFormat { kArrow, kAvro };

struct ReadQuestion {
  TableName table;
  ReadFormat format = ReadFormat::kArrow;
  std::vector<std::string> fields;  // empty: all
  std::string restriction;          // what stands behind WHERE, in GoogleSQL
  int streams_max = 1;
};

// What one answer of ReadRows carries.
struct ReadBlock {
  std::string bytes;  // an Arrow record batch's message, or Avro rows
  int64_t rows = 0;
};

// The read sessions of the Storage Read API: what a session reads is written to a file of its own
// when it is made, so its streams see one moment of the table, however long they take and however
// often they begin again. Sessions go six hours after they were made, or with the process.
// Thread-safe.
class ReadSessions {
 public:
  static constexpr std::chrono::hours kLife{6};
  static constexpr size_t kSessionsMax = 100;
  static constexpr int64_t kBytesMax = int64_t{8} << 30;  // of all sessions together

  struct Session {
    std::string name;  // projects/P/locations/L/sessions/S
    std::vector<std::string> streams;
    std::string schema;  // an Arrow schema's message, or Avro's JSON
    ReadFormat format = ReadFormat::kArrow;
    int64_t rows = 0;
    int64_t bytes = 0;
    host::WallTime expires{};
  };

  // `directory` is emptied by its owner at each start.
  ReadSessions(Warehouse& warehouse, const CatalogView& catalog, const host::Clock& clock,
               std::string directory);
  ~ReadSessions();

  // NOT_FOUND for the table, INVALID_ARGUMENT for a field or a restriction, RESOURCE_EXHAUSTED
  // when the sessions take too much. Blocks while the table is read.
  absl::StatusOr<Session> Create(const ReadQuestion& question);

  // One stream, read from a row on. Keeps its session's file until it goes.
  class Stream {
   public:
    virtual ~Stream() = default;
    virtual const Session& session() const = 0;
    // nullopt is the end. DATA_LOSS or UNAVAILABLE when the file cannot be read.
    virtual absl::StatusOr<std::optional<ReadBlock>> Next() = 0;
    virtual double progress() const = 0;  // 0 to 1
  };
  // NOT_FOUND when there is no such stream (any more). INVALID_ARGUMENT for an offset at which no
  // block begins.
  absl::StatusOr<std::unique_ptr<Stream>> Open(const std::string& stream, int64_t offset);

 private:
  class Spool;
  void DropOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Warehouse& warehouse_;
  const CatalogView& catalog_;
  const host::Clock& clock_;
  const std::string directory_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<const Spool>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::warehouse::storage
