#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/publisher.h"
#include "broker/wire/answer.h"
#include "broker/wire/listing.h"
#include "broker/wire/service.h"
#include "broker/wire/traffic.h"

namespace afluente::broker::wire {

Service::Service(const Ports& ports, host::WorkerPool& workers, OpenCalls& open_calls,
                 CallCount& streams, Traffic& traffic)
    : publisher_(ports.publisher),
      topics_(ports.topics),
      subscriptions_(ports.subscriptions),
      snapshots_(ports.snapshots),
      schemas_(ports.schemas),
      policies_(ports.policies),
      workers_(workers),
      open_calls_(open_calls),
      streams_(streams),
      traffic_(traffic) {}

void Service::CreateTopic(pubsub::Topic& request, const Call&, Reply<pubsub::Topic> reply) {
  absl::StatusOr<TopicSettings> settings = FromProto(request);
  if (!settings.ok()) return reply(settings.status());
  ReplyFromWorker(workers_, std::move(reply),
                  [this, settings = *std::move(settings)]() -> absl::StatusOr<pubsub::Topic> {
                    return Translated(topics_.CreateTopic(settings));
                  });
}

void Service::UpdateTopic(pubsub::UpdateTopicRequest& request, const Call&,
                          Reply<pubsub::Topic> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, request = std::move(request)]() -> absl::StatusOr<pubsub::Topic> {
                    TopicSettings checked;
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, checked));
                    absl::MutexLock lock(&update_mutex_);
                    AFLUENTE_ASSIGN_OR_RETURN(TopicSettings settings,
                                              topics_.GetTopic(request.topic().name()));
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, settings));
                    return Translated(topics_.UpdateTopic(std::move(settings)));
                  });
}

void Service::Publish(pubsub::PublishRequest& request, const Call&,
                      Reply<pubsub::PublishResponse> reply) {
  std::vector<event::Draft> batch;
  batch.reserve(request.messages_size());
  uint64_t bytes = 0;
  for (pubsub::PubsubMessage& message : *request.mutable_messages()) {
    bytes += message.data().size();
    batch.push_back(ToDraft(message));
  }
  publisher_.Publish(request.topic(), std::move(batch),
                     [&traffic = traffic_, bytes, reply = std::move(reply)](
                         absl::StatusOr<std::vector<std::string>> ids) mutable {
                       if (!ids.ok()) return reply(ids.status());
                       traffic.published_messages.Add(ids->size());
                       traffic.published_bytes.Add(bytes);
                       pubsub::PublishResponse response;
                       response.mutable_message_ids()->Reserve(static_cast<int>(ids->size()));
                       for (std::string& id : *ids) response.add_message_ids(std::move(id));
                       reply(std::move(response));
                     });
}

void Service::GetTopic(pubsub::GetTopicRequest& request, const Call&, Reply<pubsub::Topic> reply) {
  reply(Translated(topics_.GetTopic(request.topic())));
}

void Service::ListTopics(pubsub::ListTopicsRequest& request, const Call&,
                         Reply<pubsub::ListTopicsResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  auto page = topics_.ListTopics(request.project(), *page_size, request.page_token());
  if (!page.ok()) return reply(page.status());
  pubsub::ListTopicsResponse response;
  for (const TopicSettings& settings : page->items) *response.add_topics() = ToProto(settings);
  response.set_next_page_token(std::move(page->next_page_token));
  reply(std::move(response));
}

void Service::ListTopicSubscriptions(pubsub::ListTopicSubscriptionsRequest& request, const Call&,
                                     Reply<pubsub::ListTopicSubscriptionsResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  auto page = topics_.ListTopicSubscriptions(request.topic(), *page_size, request.page_token());
  if (!page.ok()) return reply(page.status());
  pubsub::ListTopicSubscriptionsResponse response;
  for (std::string& name : page->items) response.add_subscriptions(std::move(name));
  response.set_next_page_token(std::move(page->next_page_token));
  reply(std::move(response));
}

void Service::DeleteTopic(pubsub::DeleteTopicRequest& request, const Call&, Reply<Empty> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, name = std::move(*request.mutable_topic())]() -> absl::StatusOr<Empty> {
                    AFLUENTE_RETURN_IF_ERROR(topics_.DeleteTopic(name));
                    return Empty();
                  });
}

void Service::DetachSubscription(pubsub::DetachSubscriptionRequest& request, const Call&,
                                 Reply<pubsub::DetachSubscriptionResponse> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, name = std::move(*request.mutable_subscription())]()
                      -> absl::StatusOr<pubsub::DetachSubscriptionResponse> {
                    AFLUENTE_RETURN_IF_ERROR(topics_.DetachSubscription(name));
                    return pubsub::DetachSubscriptionResponse();
                  });
}

}  // namespace afluente::broker::wire
