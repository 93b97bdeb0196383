#include "broker/wire/translate.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/wire/fields.h"
#include "broker/wire/translate_parts.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

using pubsub::Subscription;
using pubsub::Topic;
using std::chrono::seconds;

// By number. What Afluente does not keep is refused by its name.
constexpr int kTopicSupported[] = {
    Topic::kNameFieldNumber, Topic::kLabelsFieldNumber, Topic::kMessageRetentionDurationFieldNumber,
    Topic::kSchemaSettingsFieldNumber, Topic::kMessageTransformsFieldNumber};
constexpr int kTopicChangeable[] = {
    Topic::kLabelsFieldNumber, Topic::kMessageRetentionDurationFieldNumber,
    Topic::kSchemaSettingsFieldNumber, Topic::kMessageTransformsFieldNumber};
constexpr FieldRules kTopicRules = {kTopicSupported, kTopicChangeable};

constexpr int kSubscriptionSupported[] = {Subscription::kNameFieldNumber,
                                          Subscription::kTopicFieldNumber,
                                          Subscription::kLabelsFieldNumber,
                                          Subscription::kAckDeadlineSecondsFieldNumber,
                                          Subscription::kFilterFieldNumber,
                                          Subscription::kRetainAckedMessagesFieldNumber,
                                          Subscription::kMessageRetentionDurationFieldNumber,
                                          Subscription::kEnableMessageOrderingFieldNumber,
                                          Subscription::kExpirationPolicyFieldNumber,
                                          Subscription::kEnableExactlyOnceDeliveryFieldNumber,
                                          Subscription::kDetachedFieldNumber,
                                          Subscription::kDeadLetterPolicyFieldNumber,
                                          Subscription::kRetryPolicyFieldNumber,
                                          Subscription::kPushConfigFieldNumber,
                                          Subscription::kBigqueryConfigFieldNumber,
                                          Subscription::kMessageTransformsFieldNumber};
constexpr int kSubscriptionChangeable[] = {Subscription::kLabelsFieldNumber,
                                           Subscription::kAckDeadlineSecondsFieldNumber,
                                           Subscription::kRetainAckedMessagesFieldNumber,
                                           Subscription::kMessageRetentionDurationFieldNumber,
                                           Subscription::kExpirationPolicyFieldNumber,
                                           Subscription::kEnableExactlyOnceDeliveryFieldNumber,
                                           Subscription::kDeadLetterPolicyFieldNumber,
                                           Subscription::kRetryPolicyFieldNumber,
                                           Subscription::kPushConfigFieldNumber,
                                           Subscription::kBigqueryConfigFieldNumber,
                                           Subscription::kMessageTransformsFieldNumber};
constexpr FieldRules kSubscriptionRules = {kSubscriptionSupported, kSubscriptionChangeable};

// What Pub/Sub answers for a subscription without an expiration policy ("Subscription
// properties" in its documentation).
constexpr seconds kDefaultExpiration{31 * 24 * 3600};

// Each sets one field of the settings from the resource, its default when it is not set there.
absl::Status CopyField(const Topic& from, int field, TopicSettings& onto) {
  switch (field) {
    case Topic::kNameFieldNumber:
      onto.name = from.name();
      break;
    case Topic::kLabelsFieldNumber:
      onto.labels = {from.labels().begin(), from.labels().end()};
      break;
    case Topic::kMessageRetentionDurationFieldNumber: {
      onto.message_retention.reset();
      if (!from.has_message_retention_duration()) break;
      AFLUENTE_ASSIGN_OR_RETURN(onto.message_retention, ToSeconds(from.message_retention_duration(),
                                                                  "message_retention_duration"));
      break;
    }
    case Topic::kSchemaSettingsFieldNumber: {
      onto.schema.reset();
      if (!from.has_schema_settings()) break;
      AFLUENTE_ASSIGN_OR_RETURN(onto.schema, FromProto(from.schema_settings()));
      break;
    }
    case Topic::kMessageTransformsFieldNumber: {
      AFLUENTE_ASSIGN_OR_RETURN(onto.transforms, FromProto(from.message_transforms()));
      break;
    }
    default:
      AFLUENTE_CHECK(false);
  }
  return absl::OkStatus();
}

absl::Status CopyDurations(const Subscription& from, int field, SubscriptionSettings& onto) {
  const SubscriptionSettings defaults;
  if (field == Subscription::kMessageRetentionDurationFieldNumber) {
    onto.message_retention = defaults.message_retention;
    if (from.has_message_retention_duration()) {
      AFLUENTE_ASSIGN_OR_RETURN(onto.message_retention, ToSeconds(from.message_retention_duration(),
                                                                  "message_retention_duration"));
    }
    return absl::OkStatus();
  }
  AFLUENTE_CHECK(field == Subscription::kExpirationPolicyFieldNumber);
  onto.expiration_ttl = defaults.expiration_ttl;
  if (!from.has_expiration_policy()) return absl::OkStatus();
  onto.expiration_ttl = seconds(0);
  if (from.expiration_policy().has_ttl()) {
    AFLUENTE_ASSIGN_OR_RETURN(onto.expiration_ttl,
                              ToSeconds(from.expiration_policy().ttl(), "expiration_policy.ttl"));
  }
  return absl::OkStatus();
}

// An empty push_config means that messages are pulled.
std::optional<PushConfig> ToPush(const Subscription& from) {
  if (!from.has_push_config() || from.push_config().ByteSizeLong() == 0) return std::nullopt;
  return FromProto(from.push_config());
}

absl::Status CopyPolicy(const Subscription& from, int field, SubscriptionSettings& onto) {
  switch (field) {
    case Subscription::kDeadLetterPolicyFieldNumber:
      onto.dead_letter_policy.reset();
      if (from.has_dead_letter_policy())
        onto.dead_letter_policy = FromProto(from.dead_letter_policy());
      break;
    case Subscription::kRetryPolicyFieldNumber: {
      onto.retry_policy.reset();
      if (!from.has_retry_policy()) break;
      AFLUENTE_ASSIGN_OR_RETURN(onto.retry_policy, FromProto(from.retry_policy()));
      break;
    }
    case Subscription::kPushConfigFieldNumber:
      onto.push = ToPush(from);
      break;
    case Subscription::kBigqueryConfigFieldNumber:
      onto.bigquery.reset();
      if (from.has_bigquery_config() && !from.bigquery_config().table().empty())
        onto.bigquery = FromProto(from.bigquery_config());
      break;
    case Subscription::kMessageTransformsFieldNumber: {
      AFLUENTE_ASSIGN_OR_RETURN(onto.transforms, FromProto(from.message_transforms()));
      break;
    }
    default:
      return CopyDurations(from, field, onto);
  }
  return absl::OkStatus();
}

absl::Status CopyField(const Subscription& from, int field, SubscriptionSettings& onto) {
  switch (field) {
    case Subscription::kNameFieldNumber:
      onto.name = from.name();
      break;
    case Subscription::kTopicFieldNumber:
      onto.topic = from.topic();
      break;
    case Subscription::kLabelsFieldNumber:
      onto.labels = {from.labels().begin(), from.labels().end()};
      break;
    case Subscription::kAckDeadlineSecondsFieldNumber:
      onto.ack_deadline = from.ack_deadline_seconds() == 0 ? SubscriptionSettings().ack_deadline
                                                           : seconds(from.ack_deadline_seconds());
      break;
    case Subscription::kFilterFieldNumber:
      onto.filter = from.filter();
      break;
    case Subscription::kRetainAckedMessagesFieldNumber:
      onto.retain_acked_messages = from.retain_acked_messages();
      break;
    case Subscription::kEnableMessageOrderingFieldNumber:
      onto.enable_message_ordering = from.enable_message_ordering();
      break;
    case Subscription::kEnableExactlyOnceDeliveryFieldNumber:
      onto.enable_exactly_once_delivery = from.enable_exactly_once_delivery();
      break;
    case Subscription::kDetachedFieldNumber:
      onto.detached = from.detached();
      break;
    default:
      return CopyPolicy(from, field, onto);
  }
  return absl::OkStatus();
}

template <typename Resource, typename Settings>
absl::Status CopyMasked(const Resource& from, const google::protobuf::FieldMask& mask,
                        const FieldRules& rules, Settings& onto) {
  AFLUENTE_ASSIGN_OR_RETURN(auto paths, MaskedPaths(mask, *Resource::descriptor(), rules));
  Resource changed = ToProto(onto);
  for (const FieldPath& path : paths) CopyPath(from, path, changed);
  for (const FieldPath& path : paths)
    AFLUENTE_RETURN_IF_ERROR(CopyField(changed, path.front()->number(), onto));
  return absl::OkStatus();
}

template <typename Settings, typename Resource>
absl::StatusOr<Settings> CopyAll(const Resource& from, const FieldRules& rules) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(from, rules));
  Settings settings;
  for (int field : rules.supported) AFLUENTE_RETURN_IF_ERROR(CopyField(from, field, settings));
  return settings;
}

}  // namespace

absl::StatusOr<TopicSettings> FromProto(const Topic& topic) {
  return CopyAll<TopicSettings>(topic, kTopicRules);
}

absl::StatusOr<SubscriptionSettings> FromProto(const Subscription& subscription) {
  return CopyAll<SubscriptionSettings>(subscription, kSubscriptionRules);
}

Topic ToProto(const TopicSettings& settings) {
  Topic topic;
  topic.set_name(settings.name);
  for (const auto& [key, value] : settings.labels) (*topic.mutable_labels())[key] = value;
  if (settings.message_retention)
    topic.mutable_message_retention_duration()->set_seconds(settings.message_retention->count());
  if (settings.schema) ToProto(*settings.schema, *topic.mutable_schema_settings());
  ToProto(settings.transforms, *topic.mutable_message_transforms());
  topic.set_state(Topic::ACTIVE);
  return topic;
}

Subscription ToProto(const SubscriptionSettings& settings) {
  Subscription subscription;
  subscription.set_name(settings.name);
  subscription.set_topic(settings.topic);
  auto* push = subscription.mutable_push_config();  // Pub/Sub answers an empty one for pull
  if (settings.push) ToProto(*settings.push, *push);
  if (settings.bigquery) ToProto(*settings.bigquery, *subscription.mutable_bigquery_config());
  if (settings.dead_letter_policy)
    ToProto(*settings.dead_letter_policy, *subscription.mutable_dead_letter_policy());
  if (settings.retry_policy) ToProto(*settings.retry_policy, *subscription.mutable_retry_policy());
  ToProto(settings.transforms, *subscription.mutable_message_transforms());
  subscription.set_enable_exactly_once_delivery(settings.enable_exactly_once_delivery);
  subscription.set_detached(settings.detached);
  for (const auto& [key, value] : settings.labels) (*subscription.mutable_labels())[key] = value;
  subscription.set_ack_deadline_seconds(static_cast<int32_t>(settings.ack_deadline.count()));
  subscription.set_filter(settings.filter);
  subscription.set_retain_acked_messages(settings.retain_acked_messages);
  subscription.mutable_message_retention_duration()->set_seconds(
      settings.message_retention.count());
  subscription.set_enable_message_ordering(settings.enable_message_ordering);
  const seconds ttl = settings.expiration_ttl.value_or(kDefaultExpiration);
  auto* policy = subscription.mutable_expiration_policy();
  if (ttl != seconds(0)) policy->mutable_ttl()->set_seconds(ttl.count());
  if (settings.topic_message_retention) {
    subscription.mutable_topic_message_retention_duration()->set_seconds(
        settings.topic_message_retention->count());
  }
  subscription.set_state(Subscription::ACTIVE);
  return subscription;
}

absl::Status ApplyUpdate(const pubsub::UpdateTopicRequest& request, TopicSettings& settings) {
  return CopyMasked(request.topic(), request.update_mask(), kTopicRules, settings);
}

absl::Status ApplyUpdate(const pubsub::UpdateSubscriptionRequest& request,
                         SubscriptionSettings& settings) {
  return CopyMasked(request.subscription(), request.update_mask(), kSubscriptionRules, settings);
}

event::Draft ToDraft(pubsub::PubsubMessage& message) {
  event::Draft draft;
  draft.data = std::move(*message.mutable_data());
  draft.ordering_key = std::move(*message.mutable_ordering_key());
  draft.attributes.reserve(message.attributes().size());
  for (auto& [key, value] : *message.mutable_attributes())
    draft.attributes.emplace_back(key, std::move(value));
  std::sort(draft.attributes.begin(), draft.attributes.end());
  return draft;
}

void ToProto(const Delivered& delivered, pubsub::ReceivedMessage& received) {
  const event::Message& from = *delivered.message;
  received.set_ack_id(delivered.ack_id);
  received.set_delivery_attempt(static_cast<int32_t>(delivered.delivery_attempt));
  auto& message = *received.mutable_message();
  message.set_data(from.data);
  for (const auto& [key, value] : from.attributes) (*message.mutable_attributes())[key] = value;
  message.set_ordering_key(from.ordering_key);
  message.set_message_id(from.message_id);
  const auto since_epoch = from.publish_time.time_since_epoch();
  const auto whole = std::chrono::floor<seconds>(since_epoch);
  message.mutable_publish_time()->set_seconds(whole.count());
  message.mutable_publish_time()->set_nanos(
      static_cast<int32_t>(std::chrono::nanoseconds(since_epoch - whole).count()));
}

}  // namespace afluente::broker::wire
