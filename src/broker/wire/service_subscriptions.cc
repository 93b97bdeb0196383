#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/wire/answer.h"
#include "broker/wire/listing.h"
#include "broker/wire/pull_wait.h"
#include "broker/wire/service.h"
#include "broker/wire/traffic.h"

namespace afluente::broker::wire {
namespace {

// Below gRPC's default of 4 MiB for what a client receives; a message that is larger alone goes
// alone.
constexpr size_t kPullBytesMax = 3 << 20;
// How long Pull waits for a first message when the caller set no earlier deadline.
constexpr std::chrono::milliseconds kPullWaitMax{10'000};
// With return_immediately: time for a read from disk, as messages may be there only.
constexpr std::chrono::milliseconds kImmediatePullWait{100};
// The answer is under way before the caller's deadline.
constexpr std::chrono::milliseconds kDeadlineMargin{50};

// A reply for an empty answer from one for a status.
Subscriptions::Done Forward(Reply<google::protobuf::Empty> reply) {
  return [reply = std::move(reply)](absl::Status status) mutable {
    if (status.ok())
      reply(google::protobuf::Empty());
    else
      reply(std::move(status));
  };
}

// Deprecated in the protocol, still sent by clients.
bool ReturnsImmediately(const pubsub::PullRequest& request) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return request.return_immediately();
#pragma GCC diagnostic pop
}

std::vector<std::string> TakeStrings(google::protobuf::RepeatedPtrField<std::string>& from) {
  std::vector<std::string> strings;
  strings.reserve(from.size());
  for (std::string& text : from) strings.push_back(std::move(text));
  return strings;
}

}  // namespace

void Service::CreateSubscription(pubsub::Subscription& request, const Call&,
                                 Reply<pubsub::Subscription> reply) {
  absl::StatusOr<SubscriptionSettings> settings = FromProto(request);
  if (!settings.ok()) return reply(settings.status());
  ReplyFromWorker(
      workers_, std::move(reply),
      [this, settings = *std::move(settings)]() -> absl::StatusOr<pubsub::Subscription> {
        return Translated(subscriptions_.CreateSubscription(settings));
      });
}

void Service::GetSubscription(pubsub::GetSubscriptionRequest& request, const Call&,
                              Reply<pubsub::Subscription> reply) {
  reply(Translated(subscriptions_.GetSubscription(request.subscription())));
}

void Service::UpdateSubscription(pubsub::UpdateSubscriptionRequest& request, const Call&,
                                 Reply<pubsub::Subscription> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, request = std::move(request)]() -> absl::StatusOr<pubsub::Subscription> {
                    SubscriptionSettings checked;
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, checked));
                    absl::MutexLock lock(&update_mutex_);
                    AFLUENTE_ASSIGN_OR_RETURN(
                        SubscriptionSettings settings,
                        subscriptions_.GetSubscription(request.subscription().name()));
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, settings));
                    return Translated(subscriptions_.UpdateSubscription(std::move(settings)));
                  });
}

void Service::ModifyPushConfig(pubsub::ModifyPushConfigRequest& request, const Call&,
                               Reply<Empty> reply) {
  ReplyFromWorker(
      workers_, std::move(reply), [this, request = std::move(request)]() -> absl::StatusOr<Empty> {
        pubsub::UpdateSubscriptionRequest update;
        *update.mutable_subscription()->mutable_push_config() = request.push_config();
        update.mutable_update_mask()->add_paths("push_config");
        absl::MutexLock lock(&update_mutex_);
        AFLUENTE_ASSIGN_OR_RETURN(SubscriptionSettings settings,
                                  subscriptions_.GetSubscription(request.subscription()));
        AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(update, settings));
        AFLUENTE_RETURN_IF_ERROR(subscriptions_.UpdateSubscription(std::move(settings)).status());
        return Empty();
      });
}

void Service::ListSubscriptions(pubsub::ListSubscriptionsRequest& request, const Call&,
                                Reply<pubsub::ListSubscriptionsResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  auto page = subscriptions_.ListSubscriptions(request.project(), *page_size, request.page_token());
  if (!page.ok()) return reply(page.status());
  pubsub::ListSubscriptionsResponse response;
  for (const SubscriptionSettings& settings : page->items)
    *response.add_subscriptions() = ToProto(settings);
  response.set_next_page_token(std::move(page->next_page_token));
  reply(std::move(response));
}

void Service::DeleteSubscription(pubsub::DeleteSubscriptionRequest& request, const Call&,
                                 Reply<Empty> reply) {
  ReplyFromWorker(
      workers_, std::move(reply),
      [this, name = std::move(*request.mutable_subscription())]() -> absl::StatusOr<Empty> {
        AFLUENTE_RETURN_IF_ERROR(subscriptions_.DeleteSubscription(name));
        return Empty();
      });
}

void Service::ModifyAckDeadline(pubsub::ModifyAckDeadlineRequest& request, const Call&,
                                Reply<Empty> reply) {
  if (request.ack_ids().empty())
    return reply(absl::InvalidArgumentError("ack_ids must name at least one message."));
  traffic_.modified_deadlines.Add(request.ack_ids_size());
  subscriptions_.ModifyAckDeadline(request.subscription(), TakeStrings(*request.mutable_ack_ids()),
                                   std::chrono::seconds(request.ack_deadline_seconds()),
                                   Forward(std::move(reply)));
}

void Service::Acknowledge(pubsub::AcknowledgeRequest& request, const Call&, Reply<Empty> reply) {
  if (request.ack_ids().empty())
    return reply(absl::InvalidArgumentError("ack_ids must name at least one message."));
  traffic_.acknowledged_messages.Add(request.ack_ids_size());
  subscriptions_.Acknowledge(request.subscription(), TakeStrings(*request.mutable_ack_ids()),
                             Forward(std::move(reply)));
}

void Service::Pull(pubsub::PullRequest& request, const Call& call,
                   Reply<pubsub::PullResponse> reply) {
  if (request.max_messages() <= 0)
    return reply(absl::InvalidArgumentError(
        absl::StrCat("max_messages must be positive, not ", request.max_messages(), ".")));
  auto consumer = subscriptions_.OpenConsumer(request.subscription(), ConsumerOptions());
  if (!consumer.ok()) return reply(consumer.status());
  PullLimits limits;
  limits.messages_max = request.max_messages();
  limits.bytes_max = kPullBytesMax;
  limits.wait = ReturnsImmediately(request) ? kImmediatePullWait : kPullWaitMax;
  limits.wait = std::min(limits.wait, call.time_left - kDeadlineMargin);
  PullWait::Start(*this, request.subscription(), *std::move(consumer), limits, call,
                  std::move(reply));
}

}  // namespace afluente::broker::wire
