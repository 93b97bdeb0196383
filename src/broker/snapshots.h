#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "broker/topics.h"
#include "host/clock.h"

namespace afluente::broker {

// To a time, or to a snapshot by its name.
using SeekTarget = std::variant<host::WallTime, std::string>;

// Port: snapshots, and seeking to them. Thread-safe. Mutations block until on disk. Errors:
// INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION (what Pub/Sub refuses so),
// UNAVAILABLE.
class Snapshots {
 public:
  virtual ~Snapshots() = default;
  // Without a name it gets one in the subscription's project.
  virtual absl::StatusOr<SnapshotSettings> CreateSnapshot(SnapshotSettings settings,
                                                          std::string_view subscription) = 0;
  // Its labels and its expire_time, which may only come sooner.
  virtual absl::StatusOr<SnapshotSettings> UpdateSnapshot(SnapshotSettings settings) = 0;
  virtual absl::Status DeleteSnapshot(std::string_view name) = 0;
  virtual absl::StatusOr<SnapshotSettings> GetSnapshot(std::string_view name) const = 0;
  virtual absl::StatusOr<Page<SnapshotSettings>> ListSnapshots(
      std::string_view project, size_t page_size, std::string_view page_token) const = 0;
  virtual absl::StatusOr<Page<std::string>> ListTopicSnapshots(
      std::string_view topic, size_t page_size, std::string_view page_token) const = 0;
  // Messages published before the target count as acked, the others as not acked, as far as they
  // are retained. Deliveries of before end: acks of theirs that come later do not count. A time to
  // come acks what there is.
  virtual absl::Status Seek(std::string_view subscription, const SeekTarget& target) = 0;
};

}  // namespace afluente::broker
