#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/publisher.h"
#include "broker/subscriptions.h"
#include "broker/topics.h"
#include "broker/wire/call.h"
#include "broker/wire/call_count.h"
#include "broker/wire/open_calls.h"
#include "broker/wire/translate.h"
#include "google/protobuf/empty.pb.h"
#include "google/pubsub/v1/pubsub.pb.h"
#include "host/worker_pool.h"

namespace afluente::broker::wire {

struct Traffic;

// The RPCs of google.pubsub.v1, one function each, for gRPC and REST alike: translates the request,
// asks the broker, translates the answer. Owned by the door; all threads; keeps no state. Requests
// may be moved from; replies come on the caller's, a worker's or the journal's thread.
class Service {
 public:
  using Empty = google::protobuf::Empty;

  Service(Publisher& publisher, Topics& topics, Subscriptions& subscriptions,
          host::WorkerPool& workers, OpenCalls& open_calls, CallCount& streams, Traffic& traffic);

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

  // For the doors, and for StreamingPull, whose calls are more than one request and one answer.
  Publisher& publisher() { return publisher_; }
  Subscriptions& subscriptions() { return subscriptions_; }
  OpenCalls& open_calls() { return open_calls_; }
  CallCount& streams() { return streams_; }
  Traffic& traffic() { return traffic_; }

 private:
  Publisher& publisher_;
  Topics& topics_;
  Subscriptions& subscriptions_;
  host::WorkerPool& workers_;
  OpenCalls& open_calls_;
  CallCount& streams_;
  Traffic& traffic_;
  // Held over an update's read and write (workers only), or two updates could undo one another.
  absl::Mutex update_mutex_;
};

}  // namespace afluente::broker::wire
