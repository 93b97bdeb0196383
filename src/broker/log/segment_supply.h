#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/file_system.h"
#include "host/worker_pool.h"

namespace afluente::broker::log {

// Makes segment files ahead of need on a thread of its own, so that going on to the next one does
// not stall the writer. Owned by the writer, called by its thread.
class SegmentSupply {
 public:
  // No file is made that would leave less than `reserve_bytes` free.
  SegmentSupply(host::FileSystem& files, std::string directory, uint64_t segment_bytes,
                uint64_t reserve_bytes);
  ~SegmentSupply();  // removes a file that nobody took

  // Starts making segment `number` if no file is ready or being made. A failure shows at Take.
  void Prepare(uint64_t number);
  // An allocated, empty, durable file: the prepared one, or made now. RESOURCE_EXHAUSTED when the
  // disk is full, else the disk's error.
  absl::StatusOr<std::unique_ptr<host::File>> Take(uint64_t number);
  // Gives back what a segment with no more than `bytes` in it does not use; failing is harmless.
  void Trim(uint64_t number, uint64_t bytes);

 private:
  struct Ready {
    uint64_t number = 0;
    std::unique_ptr<host::File> file;  // null: still being made, or failed
    bool making = false;
  };
  absl::StatusOr<std::unique_ptr<host::File>> Make(uint64_t number);
  bool Made() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !ready_ || !ready_->making; }

  host::FileSystem& files_;
  const std::string directory_;
  const uint64_t segment_bytes_;
  const uint64_t reserve_bytes_;
  absl::Mutex mutex_;
  std::optional<Ready> ready_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<host::WorkerPool> maker_;
};

}  // namespace afluente::broker::log
