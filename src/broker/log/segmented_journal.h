#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "broker/log/batch.h"
#include "broker/log/journal.h"
#include "broker/log/segment_cache.h"
#include "broker/log/segment_writer.h"
#include "broker/log/snapshot_store.h"
#include "host/file_copy.h"
#include "host/file_system.h"

namespace afluente::broker::log {

// The journal in segment files. Callers queue records in batches; one thread at a time, its own or
// a lent one, takes a batch, writes and syncs it as one group and answers it, while the next
// gathers.
class SegmentedJournal final : public Journal {
 public:
  SegmentedJournal(host::FileSystem& files, std::string directory, const JournalOptions& options,
                   RecoveredJournal recovered, std::unique_ptr<SnapshotStore> snapshots);
  ~SegmentedJournal() override;
  // Begins this run's first segment, removes what the last run left over, starts the writer.
  absl::Status Start();

  void Append(std::string payload, Appended done) override;
  void Lend(absl::FunctionRef<void()> work) override;
  absl::StatusOr<std::string> Read(const Place& place) const override;
  absl::Status ReadBlock(const Place& block, EachRecord each) const override;
  absl::Status WriteSnapshot(const Place& covered, std::string_view state) override;
  absl::Status ReleaseBefore(uint64_t segment) override;
  absl::StatusOr<std::vector<host::FilePart>> OpenFiles() const override;
  const std::string& identity() const override { return identity_hex_; }
  uint64_t bytes_on_disk() const override;

 private:
  void RunWriter();
  bool Stopping() const;
  // The next batch; an empty one when idle or stopping asks for a seal; nullptr at the end. Whoever
  // took a batch is the one that writes, until its Write is over.
  std::unique_ptr<Batch> NextBatch();
  // The next batch for a lender; nullptr when another thread writes, or ought to.
  std::unique_ptr<Batch> LentBatch();
  std::unique_ptr<Batch> TakeFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(Batch& batch);
  void Answer(Batch& batch, const absl::Status& status);
  void SegmentSized(uint64_t number, uint64_t bytes);
  Batch& OpenBatch(uint64_t record_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  host::FileSystem& files_;
  const std::string directory_;
  const JournalOptions options_;
  const RecoveredJournal recovered_;
  const std::string identity_hex_;
  const std::unique_ptr<SnapshotStore> snapshots_;
  mutable SegmentCache cache_;
  SegmentWriter writer_;  // used by Start, then by the thread that writes only

  // Held while segments are removed, or opened for a copy.
  mutable absl::Mutex removing_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  absl::CondVar arrived_;
  std::deque<std::unique_ptr<Batch>> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // until answered
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;   // a thread has a batch
  bool unsealed_ ABSL_GUARDED_BY(mutex_) = false;  // as the writer is
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;  // the writer's thread knows that it is unsealed
  uint64_t groups_ ABSL_GUARDED_BY(mutex_) = 0;    // written in this run
  std::map<uint64_t, uint64_t> segments_ ABSL_GUARDED_BY(mutex_);  // number -> bytes
  Place last_synced_ ABSL_GUARDED_BY(mutex_);                      // the last record's place
  std::thread thread_;
};

}  // namespace afluente::broker::log
