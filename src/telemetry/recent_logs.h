#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace afluente::telemetry {

// The last log lines as JSON, bounded in lines and bytes: what Log wrote, for those who look by the
// console instead of the file. Thread-safe; lost at a restart.
class RecentLogs {
 public:
  static constexpr size_t kLinesMax = 2'000;
  static constexpr size_t kBytesMax = 1 << 20;

  void Add(std::string line);
  // The newest `max` lines that contain `text` (all when it is empty), newest first.
  std::vector<std::string> Find(std::string_view text, size_t max) const;

 private:
  mutable absl::Mutex mutex_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The process's own, which Log fills.
RecentLogs& ProcessLogs();

}  // namespace afluente::telemetry
