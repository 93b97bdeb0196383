#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/catalog.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse::jobs {

struct InsertRequest {
  struct Row {
    std::string json;       // an object
    std::string insert_id;  // empty: stored whatever came before
  };
  TableName table;
  std::vector<Row> rows;
  bool skip_invalid_rows = false;
  bool ignore_unknown_values = false;
  std::string template_suffix;  // the rows go to <table><suffix>, made like the table
};

struct InsertError {
  size_t index = 0;    // of the row
  std::string reason;  // invalid, or stopped: not stored because another was invalid
  std::string location;
  std::string message;
};

// Rows stored one by one, on disk before the answer (BigQuery's insertAll). A row whose insert id
// came for its table within the last minutes is not stored again, also after a restart: the ids
// commit with their rows. Thread-safe.
class StreamingInserts {
 public:
  StreamingInserts(TableWriter& writer, const Catalog& catalog, const host::Clock& clock)
      : writer_(writer), catalog_(catalog), clock_(clock) {}

  // Reads the ids of earlier runs; before anything else.
  absl::Status Open();

  // What was not stored, by row; none when all is. NOT_FOUND for the table.
  absl::StatusOr<std::vector<InsertError>> Insert(const InsertRequest& request);

 private:
  // Sixteen bytes that stand for a table and an id of its rows.
  using Mark = std::pair<uint64_t, uint64_t>;
  struct Batch {
    int64_t expires_ms = 0;
    std::string key;  // of its record
    std::vector<Mark> marks;
  };

  std::vector<Mark> MarksOf(const InsertRequest& request, const TableName& table) const;
  // Waits until no other request has one of them under way.
  void Reserve(const std::vector<Mark>& marks);
  void Release(const std::vector<Mark>& marks);
  std::set<Mark> Known(const std::vector<Mark>& marks) const;
  void Remember(Batch batch);
  // Commits rows with the marks of their ids.
  absl::Status Store(TableCommit commit, Batch batch);
  std::vector<RecordChange> TakeExpired(int64_t now_ms);

  TableWriter& writer_;
  const Catalog& catalog_;
  const host::Clock& clock_;
  mutable absl::Mutex mutex_;
  absl::CondVar released_;
  std::set<Mark> under_way_ ABSL_GUARDED_BY(mutex_);
  std::map<Mark, int> known_ ABSL_GUARDED_BY(mutex_);  // and in how many batches
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  uint64_t next_batch_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The table's columns that rows from outside may fill.
std::vector<schema::Column> DeclaredColumns(const TableSchema& table);

}  // namespace afluente::warehouse::jobs
