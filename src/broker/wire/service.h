#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/subscriptions.h"
#include "broker/topics.h"
#include "broker/wire/call.h"
#include "broker/wire/call_count.h"
#include "broker/wire/message_transforms.pb.h"
#include "broker/wire/open_calls.h"
#include "broker/wire/ports.h"
#include "broker/wire/translate.h"
#include "google/iam/v1/iam_policy.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/pubsub/v1/pubsub.pb.h"
#include "google/pubsub/v1/schema.pb.h"
#include "host/worker_pool.h"

namespace afluente::broker::wire {

namespace iam = google::iam::v1;
namespace transforms = afluente::pubsub::v1;

struct Traffic;

// The RPCs of google.pubsub.v1 and google.iam.v1, one function each, for gRPC and REST alike:
// translates the request, asks the broker, translates the answer. Owned by the door; all threads;
// keeps no state. Requests may be moved from; replies come on the caller's, a worker's or the
// journal's thread.
class Service {
 public:
  using Empty = google::protobuf::Empty;

  Service(const Ports& ports, host::WorkerPool& workers, OpenCalls& open_calls, CallCount& streams,
          Traffic& traffic);

  void CreateTopic(pubsub::Topic& request, const Call& call, Reply<pubsub::Topic> reply);
  void UpdateTopic(pubsub::UpdateTopicRequest& request, const Call& call,
                   Reply<pubsub::Topic> reply);
  void Publish(pubsub::PublishRequest& request, const Call& call,
               Reply<pubsub::PublishResponse> reply);
  void GetTopic(pubsub::GetTopicRequest& request, const Call& call, Reply<pubsub::Topic> reply);
  void ListTopics(pubsub::ListTopicsRequest& request, const Call& call,
                  Reply<pubsub::ListTopicsResponse> reply);
  void ListTopicSubscriptions(pubsub::ListTopicSubscriptionsRequest& request, const Call& call,
                              Reply<pubsub::ListTopicSubscriptionsResponse> reply);
  void DeleteTopic(pubsub::DeleteTopicRequest& request, const Call& call, Reply<Empty> reply);

  void CreateSubscription(pubsub::Subscription& request, const Call& call,
                          Reply<pubsub::Subscription> reply);
  void GetSubscription(pubsub::GetSubscriptionRequest& request, const Call& call,
                       Reply<pubsub::Subscription> reply);
  void UpdateSubscription(pubsub::UpdateSubscriptionRequest& request, const Call& call,
                          Reply<pubsub::Subscription> reply);
  void ListSubscriptions(pubsub::ListSubscriptionsRequest& request, const Call& call,
                         Reply<pubsub::ListSubscriptionsResponse> reply);
  void DeleteSubscription(pubsub::DeleteSubscriptionRequest& request, const Call& call,
                          Reply<Empty> reply);
  void ModifyAckDeadline(pubsub::ModifyAckDeadlineRequest& request, const Call& call,
                         Reply<Empty> reply);
  void Acknowledge(pubsub::AcknowledgeRequest& request, const Call& call, Reply<Empty> reply);
  void Pull(pubsub::PullRequest& request, const Call& call, Reply<pubsub::PullResponse> reply);

  void DetachSubscription(pubsub::DetachSubscriptionRequest& request, const Call& call,
                          Reply<pubsub::DetachSubscriptionResponse> reply);
  void ModifyPushConfig(pubsub::ModifyPushConfigRequest& request, const Call& call,
                        Reply<Empty> reply);

  void CreateSnapshot(pubsub::CreateSnapshotRequest& request, const Call& call,
                      Reply<pubsub::Snapshot> reply);
  void GetSnapshot(pubsub::GetSnapshotRequest& request, const Call& call,
                   Reply<pubsub::Snapshot> reply);
  void UpdateSnapshot(pubsub::UpdateSnapshotRequest& request, const Call& call,
                      Reply<pubsub::Snapshot> reply);
  void ListSnapshots(pubsub::ListSnapshotsRequest& request, const Call& call,
                     Reply<pubsub::ListSnapshotsResponse> reply);
  void ListTopicSnapshots(pubsub::ListTopicSnapshotsRequest& request, const Call& call,
                          Reply<pubsub::ListTopicSnapshotsResponse> reply);
  void DeleteSnapshot(pubsub::DeleteSnapshotRequest& request, const Call& call, Reply<Empty> reply);
  void Seek(pubsub::SeekRequest& request, const Call& call, Reply<pubsub::SeekResponse> reply);

  void CreateSchema(pubsub::CreateSchemaRequest& request, const Call& call,
                    Reply<pubsub::Schema> reply);
  void GetSchema(pubsub::GetSchemaRequest& request, const Call& call, Reply<pubsub::Schema> reply);
  void ListSchemas(pubsub::ListSchemasRequest& request, const Call& call,
                   Reply<pubsub::ListSchemasResponse> reply);
  void ListSchemaRevisions(pubsub::ListSchemaRevisionsRequest& request, const Call& call,
                           Reply<pubsub::ListSchemaRevisionsResponse> reply);
  void CommitSchema(pubsub::CommitSchemaRequest& request, const Call& call,
                    Reply<pubsub::Schema> reply);
  void RollbackSchema(pubsub::RollbackSchemaRequest& request, const Call& call,
                      Reply<pubsub::Schema> reply);
  void DeleteSchemaRevision(pubsub::DeleteSchemaRevisionRequest& request, const Call& call,
                            Reply<pubsub::Schema> reply);
  void DeleteSchema(pubsub::DeleteSchemaRequest& request, const Call& call, Reply<Empty> reply);
  void ValidateSchema(pubsub::ValidateSchemaRequest& request, const Call& call,
                      Reply<pubsub::ValidateSchemaResponse> reply);
  void ValidateMessage(pubsub::ValidateMessageRequest& request, const Call& call,
                       Reply<pubsub::ValidateMessageResponse> reply);

  void ValidateMessageTransform(transforms::ValidateMessageTransformRequest& request,
                                const Call& call,
                                Reply<transforms::ValidateMessageTransformResponse> reply);
  void TestMessageTransforms(transforms::TestMessageTransformsRequest& request, const Call& call,
                             Reply<transforms::TestMessageTransformsResponse> reply);

  void SetIamPolicy(iam::SetIamPolicyRequest& request, const Call& call, Reply<iam::Policy> reply);
  void GetIamPolicy(iam::GetIamPolicyRequest& request, const Call& call, Reply<iam::Policy> reply);
  void TestIamPermissions(iam::TestIamPermissionsRequest& request, const Call& call,
                          Reply<iam::TestIamPermissionsResponse> reply);

  // For StreamingPull, whose calls are more than one request and one answer.
  Subscriptions& subscriptions() { return subscriptions_; }
  OpenCalls& open_calls() { return open_calls_; }
  CallCount& streams() { return streams_; }
  Traffic& traffic() { return traffic_; }

 private:
  absl::StatusOr<std::vector<MessageTransform>> TransformsOf(
      const transforms::TestMessageTransformsRequest& request) const;

  Publisher& publisher_;
  Topics& topics_;
  Subscriptions& subscriptions_;
  Snapshots& snapshots_;
  Schemas& schemas_;
  Policies& policies_;
  host::WorkerPool& workers_;
  OpenCalls& open_calls_;
  CallCount& streams_;
  Traffic& traffic_;
  // Held over an update's read and write (workers only), or two updates could undo one another.
  absl::Mutex update_mutex_;
};

}  // namespace afluente::broker::wire
