#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::host {
class FileSystem;
struct FilePart;
}  // namespace afluente::host

namespace afluente::broker::log {

// Where a synced record lies. Records are ordered by (segment, offset).
struct Place {
  uint64_t segment = 0;
  uint32_t offset = 0;
  uint32_t size = 0;  // of the record as stored
  friend auto operator<=>(const Place&, const Place&) = default;
};

// Receives the journal's content at Open: first the newest good snapshot (if any), then every
// record after it, in order.
class Recovery {
 public:
  virtual ~Recovery() = default;
  virtual absl::Status OnSnapshot(std::string_view state) = 0;
  virtual absl::Status OnRecord(const Place& place, std::string_view payload) = 0;
};

struct JournalOptions {
  uint32_t segment_bytes = 128 << 20;
  uint64_t queue_bytes_max = 64 << 20;  // what may wait for the writer before Append refuses
  uint32_t group_bytes_max = 4 << 20;   // what one write and sync may hold
  uint32_t record_bytes_max = 24 << 20;
  uint64_t reserve_bytes = 64 << 20;    // left free for snapshots: no new segment goes below it
  std::chrono::milliseconds idle{100};  // then an empty group seals the last one
  // Told of what an operator must know (a failed sync, refused writes, a damaged snapshot), on any
  // of the journal's threads; must not block. May be empty.
  std::function<void(const absl::Status&)> on_trouble;
};

// What a backup takes of the journal.
class JournalFiles {
 public:
  virtual ~JournalFiles() = default;
  // The files of this moment, opened: copied into an empty directory they are a journal with every
  // record that was answered OK before the call, and none that was not yet. Does not wait for
  // writes; what it returned stays readable whatever is removed later. UNIMPLEMENTED for a journal
  // without files.
  virtual absl::StatusOr<std::vector<host::FilePart>> OpenFiles() const;
};

// The durable journal: segments of checksummed groups, one writer thread, one sync a group (format:
// docs/formats/journal.md). Owned by the broker. After a crash it holds every record whose Append
// answered OK, in order, and nothing after a torn tail. Thread-safe.
class Journal : public JournalFiles {
 public:
  // Opens or creates the journal in `directory`. DATA_LOSS with segment and offset when bytes that
  // were once synced are damaged: nothing is skipped.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(host::FileSystem& files,
                                                       const std::string& directory,
                                                       const JournalOptions& options,
                                                       Recovery& recovery);
  ~Journal() override = default;  // syncs and stops the writer

  using Appended = absl::AnyInvocable<void(absl::StatusOr<Place>)>;
  // Queues one record; never blocks on disk. `done` runs once, on the thread that writes, in the
  // order of Append calls, after the record's group is synced; or with RESOURCE_EXHAUSTED (queue or
  // disk full), INVALID_ARGUMENT (larger than record_bytes_max) or UNAVAILABLE (the disk refused).
  // It must not block nor call Append.
  virtual void Append(std::string payload, Appended done) = 0;

  // Runs `work`, which may append, and then writes and answers on this thread what waits, if it is
  // little and nobody else does: it saves waking the writer's thread. Blocks on disk; `work` and
  // the caller hold no lock that a `done` takes.
  virtual void Lend(absl::FunctionRef<void()> work) = 0;

  // The payload of a synced record, checksum verified. Blocks. DATA_LOSS when damaged.
  virtual absl::StatusOr<std::string> Read(const Place& place) const = 0;

  using EachRecord = absl::FunctionRef<absl::Status(const Place&, std::string_view payload)>;
  // Hands over the synced records of a stretch of one segment, in order, checksums verified:
  // `block` reaches from a record's start to a record's end. Blocks. DATA_LOSS when damaged; ends
  // with the first error of `each`.
  virtual absl::Status ReadBlock(const Place& block, EachRecord each) const = 0;

  // Makes `state` (the effect of all records up to and including `covered`) the start of the next
  // recovery. Blocks; two snapshots are kept.
  virtual absl::Status WriteSnapshot(const Place& covered, std::string_view state) = 0;

  // Deletes segments below `segment` that are covered by both snapshots kept.
  virtual absl::Status ReleaseBefore(uint64_t segment) = 0;

  // Drawn at random when the journal was created: positions in another journal never match.
  virtual const std::string& identity() const = 0;
  virtual uint64_t bytes_on_disk() const = 0;
};

}  // namespace afluente::broker::log
