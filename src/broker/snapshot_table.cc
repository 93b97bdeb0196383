#include "broker/snapshot_table.h"

#include <utility>

#include "broker/errors.h"
#include "broker/listing.h"

namespace afluente::broker {
namespace {

constexpr std::chrono::hours kLifeMax{7 * 24};
constexpr std::chrono::hours kLifeMin{1};
constexpr size_t kProjectSnapshotsMax = 5000;  // "Resource limits" in Google's documentation

}  // namespace

absl::StatusOr<host::WallTime> SnapshotExpiry(host::WallTime now,
                                              std::optional<host::WallTime> oldest_unacked) {
  host::WallTime expiry = now + kLifeMax;
  if (oldest_unacked && *oldest_unacked < now) expiry -= now - *oldest_unacked;
  if (expiry - now >= kLifeMin) return expiry;
  return absl::FailedPreconditionError(
      "The oldest unacknowledged message of the subscription is too old: the snapshot would expire "
      "in less than an hour.");
}

absl::Status SnapshotTable::Create(Snapshot snapshot) {
  std::string name = snapshot.settings.name;
  std::string project = name.substr(0, name.find("/snapshots/") + 1);
  absl::MutexLock lock(&mutex_);
  if (snapshots_.contains(name)) return ResourceExists(name);
  size_t there = 0;
  for (auto it = snapshots_.lower_bound(project);
       it != snapshots_.end() && it->first.starts_with(project); ++it)
    ++there;
  if (there >= kProjectSnapshotsMax)
    return absl::ResourceExhaustedError("The project has 5000 snapshots, and may have no more.");
  snapshots_.emplace(std::move(name), std::make_shared<Snapshot>(std::move(snapshot)));
  return absl::OkStatus();
}

absl::Status SnapshotTable::Update(const std::string& name,
                                   std::map<std::string, std::string> labels,
                                   host::WallTime expire_time) {
  absl::MutexLock lock(&mutex_);
  auto it = snapshots_.find(name);
  if (it == snapshots_.end()) return ResourceNotFound(name);
  auto changed = std::make_shared<Snapshot>(*it->second);
  changed->settings.labels = std::move(labels);
  // Never later: what the snapshot keeps may have left the journal by then.
  changed->settings.expire_time = std::min(expire_time, changed->settings.expire_time);
  it->second = std::move(changed);
  return absl::OkStatus();
}

absl::Status SnapshotTable::Delete(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  return snapshots_.erase(name) == 1 ? absl::OkStatus() : ResourceNotFound(name);
}

void SnapshotTable::MarkTopicDeleted(uint64_t topic) {
  absl::MutexLock lock(&mutex_);
  for (auto& [name, snapshot] : snapshots_) {
    if (snapshot->topic != topic) continue;
    auto changed = std::make_shared<Snapshot>(*snapshot);
    changed->settings.topic = kDeletedTopic;
    snapshot = std::move(changed);
  }
}

bool SnapshotTable::Restore(SnapshotImage image) {
  Snapshot snapshot{std::move(image.settings), image.topic, SequenceSet(image.floor)};
  for (auto [first, last] : image.ranges) snapshot.acked.Add(first, last);
  std::string name = snapshot.settings.name;
  absl::MutexLock lock(&mutex_);
  return snapshots_.emplace(std::move(name), std::make_shared<Snapshot>(std::move(snapshot)))
      .second;
}

SnapshotTable::Shared SnapshotTable::Find(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  auto it = snapshots_.find(name);
  return it == snapshots_.end() ? nullptr : it->second;
}

std::vector<SnapshotTable::Shared> SnapshotTable::All() const {
  std::vector<Shared> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, snapshot] : snapshots_) all.push_back(snapshot);
  return all;
}

bool SnapshotTable::Holds(uint64_t topic) const {
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, snapshot] : snapshots_) {
    if (snapshot->topic == topic) return true;
  }
  return false;
}

Page<SnapshotSettings> SnapshotTable::List(std::string_view prefix, host::WallTime now,
                                           size_t page_size, std::string_view page_token) const {
  absl::ReaderMutexLock lock(&mutex_);
  return ListPage<SnapshotSettings>(snapshots_, prefix, page_size, page_token,
                                    [&](const Snapshot& each) -> std::optional<SnapshotSettings> {
                                      if (each.IsExpired(now)) return std::nullopt;
                                      return each.settings;
                                    });
}

Page<std::string> SnapshotTable::ListNames(uint64_t topic, host::WallTime now, size_t page_size,
                                           std::string_view page_token) const {
  absl::ReaderMutexLock lock(&mutex_);
  return ListPage<std::string>(snapshots_, "", page_size, page_token,
                               [&](const Snapshot& each) -> std::optional<std::string> {
                                 if (each.topic != topic || each.IsExpired(now))
                                   return std::nullopt;
                                 return each.settings.name;
                               });
}

std::vector<SnapshotImage> SnapshotTable::Capture() const {
  std::vector<SnapshotImage> images;
  for (const Shared& each : All())
    images.push_back({each->settings, each->topic, each->acked.floor(), each->acked.Ranges()});
  return images;
}

}  // namespace afluente::broker
