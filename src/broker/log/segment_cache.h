#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/file_system.h"

namespace afluente::broker::log {

// The segments open for reading: few, the least recently used goes first. Thread-safe.
class SegmentCache {
 public:
  SegmentCache(host::FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Shared, because a segment may leave the cache while another thread reads it. NOT_FOUND when
  // there is no such segment.
  absl::StatusOr<std::shared_ptr<const host::File>> Get(uint64_t number);
  void Forget(uint64_t number);

 private:
  using Entry = std::pair<uint64_t, std::shared_ptr<const host::File>>;
  std::shared_ptr<const host::File> Find(uint64_t number);

  host::FileSystem& files_;
  const std::string directory_;
  absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // the most recently used first
};

}  // namespace afluente::broker::log
