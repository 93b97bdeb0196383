#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/log/journal.h"
#include "host/file_system.h"

namespace afluente::broker::log {

// For tests: small segments, no seal by time.
JournalOptions SmallOptions();
// The payload of record `id`: says its id, and has a size and content that follow from it.
std::string PayloadOf(uint32_t id);

// For tests: collects what a recovery hands over.
class RecordingRecovery final : public Recovery {
 public:
  absl::Status OnSnapshot(std::string_view state) override;
  absl::Status OnRecord(const Place& place, std::string_view payload) override;

  std::string snapshot;
  std::vector<Place> places;
  std::vector<std::string> records;
};

// For tests: drives a journal through runs, faults and crashes, and knows what it must hold. Its
// state, as a snapshot keeps it, is the list of the ids of all records.
class JournalModel {
 public:
  explicit JournalModel(host::FileSystem& files, JournalOptions options = SmallOptions())
      : files_(files), options_(options) {}

  // Opens the journal and compares what it gives: each record that was answered, in order; each one
  // that was not, whole or not at all, and not if a later one of its run was answered.
  absl::Status Open();
  // Closes it, as a clean stop where the disk lets it.
  void Close() { journal_.reset(); }
  // Appends `count` new records at once and waits for their answers; the first error.
  absl::Status Append(int count);
  // Snapshots the state as far as it is answered.
  absl::Status Snapshot();
  // Releases what two snapshots cover.
  absl::Status Release();
  // Reads every record from the start of this run's recovery on, alone and in blocks.
  absl::Status ReadAll();

  bool open() const { return journal_ != nullptr; }
  Journal& journal() { return *journal_; }
  size_t answered() const;
  Place last_place() const;

 private:
  enum class Fate { kWaiting, kAnswered, kFailed };
  struct Record {
    uint32_t id = 0;
    Fate fate = Fate::kWaiting;
    Place place;  // once known
  };
  absl::Status Compare(const RecordingRecovery& recovered);
  void AppendAll(int count, absl::Status& first);
  absl::Status ReadBlocks(const std::vector<Record>& records);
  void Answered(size_t index, const absl::StatusOr<Place>& place);

  host::FileSystem& files_;
  const JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  uint32_t next_id_ = 1;
  uint32_t appends_ = 0;
  mutable absl::Mutex mutex_;
  std::vector<Record> records_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::broker::log
