#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "broker/subscriptions.h"
#include "event/message.h"
#include "google/pubsub/v1/pubsub.pb.h"

// google.pubsub.v1 messages <-> the broker's. Pure. Fields that the broker does not keep are
// refused UNIMPLEMENTED by name; malformed values INVALID_ARGUMENT by field; limits are the
// broker's to check.
namespace afluente::broker::wire {

namespace pubsub = google::pubsub::v1;

absl::StatusOr<TopicSettings> FromProto(const pubsub::Topic& topic);
absl::StatusOr<SubscriptionSettings> FromProto(const pubsub::Subscription& subscription);

pubsub::Topic ToProto(const TopicSettings& settings);
pubsub::Subscription ToProto(const SubscriptionSettings& settings);

// Checks `update_mask` and copies the fields that it names from the request's resource. A field
// named but not set gets its default.
absl::Status ApplyUpdate(const pubsub::UpdateTopicRequest& request, TopicSettings& settings);
absl::Status ApplyUpdate(const pubsub::UpdateSubscriptionRequest& request,
                         SubscriptionSettings& settings);

// Moves the bytes out of `message`.
event::Draft ToDraft(pubsub::PubsubMessage& message);
void ToProto(const Delivered& delivered, pubsub::ReceivedMessage& received);

}  // namespace afluente::broker::wire
