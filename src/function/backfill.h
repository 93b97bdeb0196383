#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "event/message.h"
#include "function/transform_source.h"

namespace afluente::host {
class Clock;
}  // namespace afluente::host

namespace afluente::function {

struct Decision;
class Function;

// Takes records of files straight through a function into its table, with the same outcomes and
// balance as messages. What is decided of each file is part of the function's state, so a file that
// is given again, also after a crash, stores nothing twice. Owned by roles/; any thread; blocks.
class Backfill {
 public:
  struct Part {
    std::string file;    // its identity, from its content
    uint64_t first = 0;  // the number of the first record here
    std::vector<event::Draft> records;
  };
  static constexpr size_t kFilesMax = 1'000;  // that a function remembers
  static constexpr size_t kIdentityBytesMax = 100;
  static constexpr size_t kRecordsMax = 30'000;  // of one part

  Backfill(Function& function, TransformSource source, const host::Clock& clock)
      : function_(function), source_(std::move(source)), clock_(clock) {}

  // How many records of a file are decided.
  uint64_t Decided(const std::string& file) const;
  // The records' publish time is that of their commit. Decides the part's records but for those
  // that are decided; how many of the file are then. FAILED_PRECONDITION when those before it are
  // not; RESOURCE_EXHAUSTED past kFilesMax.
  absl::StatusOr<uint64_t> Take(Part part);

 private:
  absl::Status Commit(std::vector<Decision> decisions, const std::string& file, uint64_t through)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Function& function_;
  const TransformSource source_;
  const host::Clock& clock_;
  absl::Mutex mutex_;  // one part at a time
};

}  // namespace afluente::function
