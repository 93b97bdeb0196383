#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/topics.h"
#include "host/clock.h"

namespace afluente::broker {

// A subscription's acks at one moment, with google.pubsub.v1.Snapshot's meaning.
struct SnapshotSettings {
  std::string name;   // projects/P/snapshots/S
  std::string topic;  // "_deleted-topic_" once it is gone; set by the broker
  std::map<std::string, std::string> labels;
  host::WallTime expire_time;  // set by the broker at creation
};

// To a time, or to a snapshot by its name.
using SeekTarget = std::variant<host::WallTime, std::string>;

// Port: snapshots, and seeking to them. Thread-safe. Mutations block until on disk. Errors:
// INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION (what Pub/Sub refuses so),
// UNAVAILABLE.
class Snapshots {
 public:
  virtual ~Snapshots() = default;
  virtual absl::StatusOr<SnapshotSettings> CreateSnapshot(SnapshotSettings settings,
                                                          std::string_view subscription) = 0;
  virtual absl::StatusOr<SnapshotSettings> UpdateSnapshot(SnapshotSettings settings) = 0;
  virtual absl::Status DeleteSnapshot(std::string_view name) = 0;
  virtual absl::StatusOr<SnapshotSettings> GetSnapshot(std::string_view name) const = 0;
  virtual absl::StatusOr<Page<SnapshotSettings>> ListSnapshots(
      std::string_view project, size_t page_size, std::string_view page_token) const = 0;
  virtual absl::StatusOr<Page<std::string>> ListTopicSnapshots(
      std::string_view topic, size_t page_size, std::string_view page_token) const = 0;
  // Messages published before the target count as acked, the others as not acked, as far as they
  // are retained. Deliveries of before that are acked later still count.
  virtual absl::Status Seek(std::string_view subscription, const SeekTarget& target) = 0;
};

}  // namespace afluente::broker
