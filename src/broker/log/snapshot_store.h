#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/log/format.h"
#include "host/file_copy.h"
#include "host/file_system.h"

namespace afluente::broker::log {

struct Snapshot {
  Place covered;
  std::string state;
};

// The snapshot files of one journal; the newest two are kept. Thread-safe. A crash while one is
// written leaves the earlier ones.
class SnapshotStore {
 public:
  using Trouble = std::function<void(const absl::Status&)>;
  // Finds the files and removes what a crash left half written.
  static absl::StatusOr<std::unique_ptr<SnapshotStore>> Open(host::FileSystem& files,
                                                             const std::string& directory,
                                                             Trouble trouble);
  // The newest one that verifies and, where an identity is given, belongs to it; damaged ones are
  // told to `trouble` and passed over.
  absl::StatusOr<std::optional<Snapshot>> Newest(const std::string& identity);
  absl::Status Write(const std::string& identity, const Place& covered, std::string_view state);
  // Those that verified, opened for a copy.
  absl::StatusOr<std::vector<host::FilePart>> OpenFiles() const;
  // The first segment that the older of two snapshots needs; 0 while there are not two.
  uint64_t FirstSegmentNeeded() const;
  bool any_file() const;
  uint64_t bytes() const;

 private:
  struct Entry {
    std::optional<Place> covered;  // nullopt: known to be damaged
    uint64_t bytes = 0;
  };
  SnapshotStore(host::FileSystem& files, std::string directory, Trouble trouble)
      : files_(files), directory_(std::move(directory)), trouble_(std::move(trouble)) {}
  absl::StatusOr<Entry> Load(uint64_t number) const;
  absl::StatusOr<Snapshot> Read(uint64_t number, const std::string& identity) const;
  absl::Status WriteFile(const std::string& path, const std::string& header,
                         std::string_view state);
  absl::Status RemoveOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  host::FileSystem& files_;
  const std::string directory_;
  const Trouble trouble_;
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker::log
