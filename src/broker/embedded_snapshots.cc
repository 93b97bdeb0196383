// EmbeddedBroker's snapshots, and seeking.
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/embedded_broker.h"
#include "broker/errors.h"
#include "broker/keeper.h"
#include "broker/limits.h"
#include "broker/listing.h"
#include "broker/publish_time_search.h"
#include "broker/recorder.h"
#include "broker/snapshot_table.h"
#include "broker/state.h"
#include "broker/subscription.h"
#include "broker/topic.h"
#include "host/check.h"

namespace afluente::broker {

absl::StatusOr<SnapshotSettings> EmbeddedBroker::CreateSnapshot(SnapshotSettings settings,
                                                                std::string_view subscription) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(subscription));
  if (settings.name.empty()) settings.name = RandomNameBeside(subscription, "snapshots");
  AFLUENTE_RETURN_IF_ERROR(CheckSnapshot(settings));
  if (!state_->FindSubscription(subscription)) return ResourceNotFound(subscription);
  // Held until the snapshot keeps what it needs.
  absl::MutexLock lock(&keeper_->cleaning());
  host::WallTime now = clock_.Now();
  if (SnapshotTable::Shared there = state_->snapshots().Find(settings.name)) {
    if (!there->IsExpired(now)) return ResourceExists(settings.name);
    AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, DeleteSnapshotRecord{settings.name}));
  }
  AFLUENTE_RETURN_IF_ERROR(
      AppendAndWait(*recorder_, CreateSnapshotRecord{settings.name, std::string(subscription),
                                                     std::move(settings.labels), now}));
  return GetSnapshot(settings.name);
}

absl::StatusOr<SnapshotSettings> EmbeddedBroker::UpdateSnapshot(SnapshotSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckSnapshot(settings));
  AFLUENTE_ASSIGN_OR_RETURN(SnapshotSettings before, GetSnapshot(settings.name));
  if (settings.expire_time <= clock_.Now() || settings.expire_time > before.expire_time) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid expire_time: it must be in the future, and not after the one that "
                     "the snapshot has (resource=",
                     settings.name, ")."));
  }
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(
      *recorder_,
      UpdateSnapshotRecord{settings.name, std::move(settings.labels), settings.expire_time}));
  return GetSnapshot(settings.name);
}

absl::Status EmbeddedBroker::DeleteSnapshot(std::string_view name) {
  AFLUENTE_RETURN_IF_ERROR(GetSnapshot(name).status());
  return AppendAndWait(*recorder_, DeleteSnapshotRecord{std::string(name)});
}

absl::StatusOr<SnapshotSettings> EmbeddedBroker::GetSnapshot(std::string_view name) const {
  AFLUENTE_RETURN_IF_ERROR(CheckSnapshotName(name));
  SnapshotTable::Shared snapshot = state_->snapshots().Find(name);
  if (!snapshot || snapshot->IsExpired(clock_.Now())) return ResourceNotFound(name);
  return snapshot->settings;
}

absl::StatusOr<Page<SnapshotSettings>> EmbeddedBroker::ListSnapshots(
    std::string_view project, size_t page_size, std::string_view page_token) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::string prefix, ProjectPrefix(project, page_token));
  return state_->snapshots().List(prefix, clock_.Now(), PageSize(page_size), page_token);
}

absl::StatusOr<Page<std::string>> EmbeddedBroker::ListTopicSnapshots(
    std::string_view topic_name, size_t page_size, std::string_view page_token) const {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(topic_name));
  std::shared_ptr<Topic> topic = state_->FindTopic(topic_name);
  if (!topic) return ResourceNotFound(topic_name);
  return state_->snapshots().ListNames(topic->incarnation(), clock_.Now(), PageSize(page_size),
                                       page_token);
}

absl::Status EmbeddedBroker::Seek(std::string_view name, const SeekTarget& target) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(name));
  std::shared_ptr<Subscription> subscription = state_->FindSubscription(name);
  if (!subscription) return ResourceNotFound(name);
  if (subscription->detached()) return SubscriptionDetached(name);
  // Held until the subscription keeps what comes back.
  absl::MutexLock lock(&keeper_->cleaning());
  host::WallTime now = clock_.Now();
  if (const auto* snapshot = std::get_if<std::string>(&target)) {
    AFLUENTE_RETURN_IF_ERROR(GetSnapshot(*snapshot).status());
    if (SnapshotTable::Shared found = state_->snapshots().Find(*snapshot);
        found && found->topic != subscription->topic()->incarnation())
      return OtherTopic(*snapshot, name);
    return AppendAndWait(*recorder_, SeekToSnapshotRecord{subscription->incarnation(), now,
                                                          subscription->BeginSeek(), *snapshot});
  }
  host::WallTime time = std::get<host::WallTime>(target);
  uint64_t first_unacked = 0;
  if (time <= now) {
    // Later publishes get later times; those before are applied when this record is, which says
    // nothing.
    subscription->topic()->publish_order().NotBefore(now);
    AFLUENTE_RETURN_IF_ERROR(
        AppendAndWait(*recorder_, AcksRecord{subscription->incarnation(), {}}));
    AFLUENTE_ASSIGN_OR_RETURN(first_unacked,
                              FirstPublishedSince(*subscription->topic(), *journal_, time));
  }
  return AppendAndWait(*recorder_, SeekToTimeRecord{subscription->incarnation(), now,
                                                    subscription->BeginSeek(), first_unacked});
}

}  // namespace afluente::broker
