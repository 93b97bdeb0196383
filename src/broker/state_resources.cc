// What records of snapshots, seeks, schemas and policies do to the state.
#include <utility>

#include "broker/errors.h"
#include "broker/policy_table.h"
#include "broker/schema_table.h"
#include "broker/snapshot_table.h"
#include "broker/state.h"
#include "broker/state_image.h"
#include "broker/subscription.h"
#include "broker/topic.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// A deleted revision that bounds a topic's range gives way to its neighbour within the range. False
// when it bounds nothing.
bool ReplaceRevision(const std::vector<SchemaRevision>& newest_first, std::string_view deleted,
                     SchemaSettings& range) {
  size_t at = 0;
  while (newest_first[at].revision_id != deleted) ++at;
  size_t oldest = newest_first.size() - 1;
  // A schema keeps at least one revision, so there is one beside it.
  const std::string& older = newest_first[at == oldest ? at - 1 : at + 1].revision_id;
  const std::string& newer = newest_first[at == 0 ? 1 : at - 1].revision_id;
  bool first = range.first_revision_id == deleted;
  bool last = range.last_revision_id == deleted;
  if (first) range.first_revision_id = last ? older : newer;
  if (last) range.last_revision_id = older;
  return first || last;
}

}  // namespace

State::Applied State::ApplyResource(const CreateSnapshotRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscription(record.subscription);
  if (!subscription) return {ResourceNotFound(record.subscription), {}};
  if (subscription->detached()) return {SubscriptionDetached(record.subscription), {}};
  absl::StatusOr<host::WallTime> expiry =
      SnapshotExpiry(record.time, subscription->OldestUnacked(record.time));
  if (!expiry.ok()) return {expiry.status(), {}};
  SnapshotTable::Snapshot snapshot;
  snapshot.settings = {record.name, subscription->settings().topic, record.labels, *expiry};
  snapshot.topic = subscription->topic()->incarnation();
  snapshot.acked = subscription->acked();
  return {snapshots_->Create(std::move(snapshot)), {}};
}

State::Applied State::ApplyResource(const UpdateSnapshotRecord& record) {
  return {snapshots_->Update(record.name, record.labels, record.expire_time), {}};
}

State::Applied State::ApplyResource(const DeleteSnapshotRecord& record) {
  policies_->Forget(record.name);
  return {snapshots_->Delete(record.name), {}};
}

State::Applied State::ApplyResource(const SeekToTimeRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscription(record.subscription);
  if (!subscription) return {ResourceNotFound("subscription"), {}};
  if (subscription->detached()) return {SubscriptionDetached(subscription->name()), {}};
  return {absl::OkStatus(),
          subscription->SeekToTime(record.first_unacked, record.time, record.generation)};
}

State::Applied State::ApplyResource(const SeekToSnapshotRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscription(record.subscription);
  if (!subscription) return {ResourceNotFound("subscription"), {}};
  if (subscription->detached()) return {SubscriptionDetached(subscription->name()), {}};
  SnapshotTable::Shared snapshot = snapshots_->Find(record.snapshot);
  if (!snapshot || snapshot->IsExpired(record.time)) return {ResourceNotFound(record.snapshot), {}};
  if (snapshot->topic != subscription->topic()->incarnation())
    return {OtherTopic(record.snapshot, subscription->name()), {}};
  return {absl::OkStatus(), subscription->SeekToAcks(snapshot->acked, record.generation)};
}

State::Applied State::ApplyResource(const DetachSubscriptionRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscription(record.name);
  if (!subscription) return {ResourceNotFound(record.name), {}};
  return {absl::OkStatus(), subscription->Detach()};
}

State::Applied State::ApplyResource(const CreateSchemaRecord& record) {
  return {schemas_->Create(record.revision), {}};
}

State::Applied State::ApplyResource(const CommitSchemaRecord& record) {
  return {schemas_->Commit(record.revision), {}};
}

State::Applied State::ApplyResource(const DeleteSchemaRevisionRecord& record) {
  SchemaTable::Shared history = schemas_->Find(record.name);
  std::vector<SchemaRevision> before;
  if (history) before = history->Revisions();
  absl::Status deleted = schemas_->DeleteRevision(record.name, record.revision_id);
  if (!deleted.ok()) return {std::move(deleted), {}};
  for (const auto& topic : Incarnations()) {
    TopicSettings settings = topic->settings();
    if (!settings.schema || settings.schema->schema != record.name) continue;
    if (ReplaceRevision(before, record.revision_id, *settings.schema))
      topic->Update(std::move(settings));
  }
  return {};
}

State::Applied State::ApplyResource(const DeleteSchemaRecord& record) {
  absl::Status deleted = schemas_->Delete(record.name);
  if (!deleted.ok()) return {std::move(deleted), {}};
  policies_->Forget(record.name);
  for (const auto& topic : Incarnations()) {
    TopicSettings settings = topic->settings();
    if (!settings.schema || settings.schema->schema != record.name) continue;
    // For good: a new schema of that name is another one.
    settings.schema->schema = kDeletedSchema;
    topic->Update(std::move(settings));
  }
  return {};
}

State::Applied State::ApplyResource(const SetPolicyRecord& record) {
  if (!HasResource(record.resource)) return {ResourceNotFound(record.resource), {}};
  return {policies_->Set(record.resource, record.expected_etag, record.policy), {}};
}

absl::Status State::CheckSchemaOf(const TopicSettings& settings) const {
  // A topic whose schema was deleted can be changed in other ways.
  if (!settings.schema || settings.schema->schema == kDeletedSchema) return absl::OkStatus();
  return schemas_->CheckRange(*settings.schema);
}

bool State::HasResource(std::string_view name) const {
  return FindTopic(name) || FindSubscription(name) || snapshots_->Find(name) ||
         schemas_->Find(name);
}

void State::CaptureResources(StateImage& image) const {
  image.snapshots = snapshots_->Capture();
  image.schemas = schemas_->Capture();
  image.policies = policies_->Capture();
}

absl::Status State::RestoreResources(StateImage& image) {
  for (SnapshotImage& each : image.snapshots) {
    if (!FindIncarnation(each.topic) || !snapshots_->Restore(std::move(each)))
      return JournalContradiction("a snapshot of a subscription");
  }
  for (const SchemaRevision& each : image.schemas)
    AFLUENTE_RETURN_IF_ERROR(schemas_->Restore(each));
  for (auto& [resource, policy] : image.policies) {
    if (!HasResource(resource) || !policies_->Restore(std::move(resource), std::move(policy)))
      return JournalContradiction("a policy");
  }
  return absl::OkStatus();
}

}  // namespace afluente::broker
