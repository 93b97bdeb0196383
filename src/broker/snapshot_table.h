#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/resources.h"
#include "broker/sequence_set.h"
#include "broker/state_image.h"
#include "broker/topics.h"

namespace afluente::broker {

// When a snapshot that is made at `now` expires: the older what it must keep, the sooner.
// FAILED_PRECONDITION when that is too soon.
absl::StatusOr<host::WallTime> SnapshotExpiry(host::WallTime now,
                                              std::optional<host::WallTime> oldest_unacked);

// The snapshots by name. Part of the state: changed by State::Apply only, and what it answers
// follows from those changes alone. Thread-safe.
class SnapshotTable {
 public:
  struct Snapshot {
    SnapshotSettings settings;
    uint64_t topic = 0;  // its incarnation
    SequenceSet acked;
    bool IsExpired(host::WallTime now) const { return settings.expire_time <= now; }
  };
  using Shared = std::shared_ptr<const Snapshot>;

  absl::Status Create(Snapshot snapshot);
  absl::Status Update(const std::string& name, std::map<std::string, std::string> labels,
                      host::WallTime expire_time);
  absl::Status Delete(const std::string& name);
  void MarkTopicDeleted(uint64_t topic);
  // False when its name is taken.
  bool Restore(SnapshotImage image);

  // Null when there is none. One that has expired is there until it is deleted.
  Shared Find(std::string_view name) const;
  std::vector<Shared> All() const;
  // Whether a snapshot keeps messages of the incarnation.
  bool Holds(uint64_t topic) const;
  // Those that have not expired.
  Page<SnapshotSettings> List(std::string_view prefix, host::WallTime now, size_t page_size,
                              std::string_view page_token) const;
  Page<std::string> ListNames(uint64_t topic, host::WallTime now, size_t page_size,
                              std::string_view page_token) const;
  std::vector<SnapshotImage> Capture() const;

 private:
  mutable absl::Mutex mutex_;
  // Shared with those who look at one while it is replaced or deleted.
  absl::btree_map<std::string, Shared, std::less<>> snapshots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
