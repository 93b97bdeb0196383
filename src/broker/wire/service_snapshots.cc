#include <string>
#include <utility>

#include "broker/wire/answer.h"
#include "broker/wire/listing.h"
#include "broker/wire/service.h"
#include "broker/wire/translate_resources.h"

namespace afluente::broker::wire {

void Service::CreateSnapshot(pubsub::CreateSnapshotRequest& request, const Call&,
                             Reply<pubsub::Snapshot> reply) {
  absl::StatusOr<SnapshotSettings> settings = FromProto(request);
  if (!settings.ok()) return reply(settings.status());
  ReplyFromWorker(workers_, std::move(reply),
                  [this, settings = *std::move(settings),
                   subscription = request.subscription()]() -> absl::StatusOr<pubsub::Snapshot> {
                    return Translated(snapshots_.CreateSnapshot(settings, subscription));
                  });
}

void Service::GetSnapshot(pubsub::GetSnapshotRequest& request, const Call&,
                          Reply<pubsub::Snapshot> reply) {
  reply(Translated(snapshots_.GetSnapshot(request.snapshot())));
}

void Service::UpdateSnapshot(pubsub::UpdateSnapshotRequest& request, const Call&,
                             Reply<pubsub::Snapshot> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, request = std::move(request)]() -> absl::StatusOr<pubsub::Snapshot> {
                    SnapshotSettings checked;
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, checked));
                    absl::MutexLock lock(&update_mutex_);
                    AFLUENTE_ASSIGN_OR_RETURN(SnapshotSettings settings,
                                              snapshots_.GetSnapshot(request.snapshot().name()));
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, settings));
                    return Translated(snapshots_.UpdateSnapshot(std::move(settings)));
                  });
}

void Service::ListSnapshots(pubsub::ListSnapshotsRequest& request, const Call&,
                            Reply<pubsub::ListSnapshotsResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  auto page = snapshots_.ListSnapshots(request.project(), *page_size, request.page_token());
  if (!page.ok()) return reply(page.status());
  pubsub::ListSnapshotsResponse response;
  for (const SnapshotSettings& settings : page->items)
    *response.add_snapshots() = ToProto(settings);
  response.set_next_page_token(std::move(page->next_page_token));
  reply(std::move(response));
}

void Service::ListTopicSnapshots(pubsub::ListTopicSnapshotsRequest& request, const Call&,
                                 Reply<pubsub::ListTopicSnapshotsResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  auto page = snapshots_.ListTopicSnapshots(request.topic(), *page_size, request.page_token());
  if (!page.ok()) return reply(page.status());
  pubsub::ListTopicSnapshotsResponse response;
  for (std::string& name : page->items) response.add_snapshots(std::move(name));
  response.set_next_page_token(std::move(page->next_page_token));
  reply(std::move(response));
}

void Service::DeleteSnapshot(pubsub::DeleteSnapshotRequest& request, const Call&,
                             Reply<Empty> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, name = std::move(*request.mutable_snapshot())]() -> absl::StatusOr<Empty> {
                    AFLUENTE_RETURN_IF_ERROR(snapshots_.DeleteSnapshot(name));
                    return Empty();
                  });
}

void Service::Seek(pubsub::SeekRequest& request, const Call&, Reply<pubsub::SeekResponse> reply) {
  absl::StatusOr<SeekTarget> target = FromProto(request);
  if (!target.ok()) return reply(target.status());
  ReplyFromWorker(workers_, std::move(reply),
                  [this, target = *std::move(target),
                   name = std::move(
                       *request.mutable_subscription())]() -> absl::StatusOr<pubsub::SeekResponse> {
                    AFLUENTE_RETURN_IF_ERROR(snapshots_.Seek(name, target));
                    return pubsub::SeekResponse();
                  });
}

}  // namespace afluente::broker::wire
