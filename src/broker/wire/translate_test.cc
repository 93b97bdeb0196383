#include "broker/wire/translate.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using std::chrono::seconds;
using testing::HasSubstr;

// Sets `field` to something that is not its default.
void SetSomething(Message& message, const FieldDescriptor& field) {
  const auto* reflection = message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    Message* inner = field.is_repeated() ? reflection->AddMessage(&message, &field)
                                         : reflection->MutableMessage(&message, &field);
    SetSomething(*inner, *inner->GetDescriptor()->field(0));
    return;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(&message, &field, true);
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(&message, &field, 60);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(&message, &field, 60);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnumValue(&message, &field, 1);
    default:
      if (field.is_repeated()) return reflection->AddString(&message, &field, "x");
      reflection->SetString(&message, &field, "x");
  }
}

// Sets each field alone: those outside `taken` must be refused by name.
template <typename Resource>
void ExpectOthersRefused(const std::set<std::string>& taken) {
  for (int i = 0; i < Resource::descriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *Resource::descriptor()->field(i);
    Resource resource;
    SetSomething(resource, field);
    const auto settings = FromProto(resource);
    if (taken.contains(field.name())) {
      EXPECT_TRUE(settings.ok()) << field.name() << ": " << settings.status();
      continue;
    }
    EXPECT_EQ(settings.status().code(), absl::StatusCode::kUnimplemented) << field.name();
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr(field.name()));
  }
}

TEST(TranslateTest, RefusesEachTopicFieldThatIsNotKept) {
  // `state` is output only: skipped, as Google does.
  ExpectOthersRefused<pubsub::Topic>({"name", "labels", "message_retention_duration", "state",
                                      "schema_settings", "message_transforms"});
}

TEST(TranslateTest, RefusesEachSubscriptionFieldThatIsNotKept) {
  ExpectOthersRefused<pubsub::Subscription>(
      {"name", "topic", "labels", "ack_deadline_seconds", "retain_acked_messages",
       "message_retention_duration", "enable_message_ordering", "expiration_policy", "filter",
       "state", "topic_message_retention_duration", "analytics_hub_subscription_info",
       "push_config", "bigquery_config", "detached", "enable_exactly_once_delivery",
       "dead_letter_policy", "retry_policy", "message_transforms"});
}

TEST(TranslateTest, RefusesFieldsOfANewerProtocol) {
  pubsub::Topic topic;
  topic.set_name("projects/p/topics/t");
  std::string bytes = topic.SerializeAsString();
  bytes += "\xfa\x3f\x01z";  // field 1023, a string
  ASSERT_TRUE(topic.ParseFromString(bytes));
  const auto settings = FromProto(topic);
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(settings.status().message()), HasSubstr("1023"));
}

TEST(TranslateTest, AnEmptyPushConfigMeansPull) {
  pubsub::Subscription subscription;
  subscription.set_name("projects/p/subscriptions/s");
  subscription.mutable_push_config();
  EXPECT_TRUE(FromProto(subscription).ok());
}

TEST(TranslateTest, SubscriptionSurvivesTheWayThereAndBack) {
  SubscriptionSettings settings;
  settings.name = "projects/p/subscriptions/s";
  settings.topic = "projects/p/topics/t";
  settings.labels = {{"a", "1"}, {"b", "2"}};
  settings.ack_deadline = seconds(77);
  settings.filter = "attributes:x";
  settings.retain_acked_messages = true;
  settings.message_retention = seconds(1200);
  settings.enable_message_ordering = true;
  settings.expiration_ttl = seconds(90000);
  const auto back = FromProto(ToProto(settings));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->name, settings.name);
  EXPECT_EQ(back->topic, settings.topic);
  EXPECT_EQ(back->labels, settings.labels);
  EXPECT_EQ(back->ack_deadline, settings.ack_deadline);
  EXPECT_EQ(back->filter, settings.filter);
  EXPECT_EQ(back->retain_acked_messages, settings.retain_acked_messages);
  EXPECT_EQ(back->message_retention, settings.message_retention);
  EXPECT_EQ(back->enable_message_ordering, settings.enable_message_ordering);
  EXPECT_EQ(back->expiration_ttl, settings.expiration_ttl);
}

TEST(TranslateTest, UnsetFieldsGetPubsubsDefaults) {
  pubsub::Subscription subscription;
  subscription.set_name("projects/p/subscriptions/s");
  const auto settings = FromProto(subscription);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->ack_deadline, seconds(10));
  EXPECT_EQ(settings->message_retention, seconds(7 * 24 * 3600));
  EXPECT_EQ(settings->expiration_ttl, std::nullopt);
  EXPECT_EQ(ToProto(*settings).expiration_policy().ttl().seconds(), 31 * 24 * 3600);
  subscription.mutable_expiration_policy();  // a policy without a time: never
  EXPECT_EQ(FromProto(subscription)->expiration_ttl, seconds(0));
}

TEST(TranslateTest, RefusesDurationsThatAreNoWholeSeconds) {
  pubsub::Topic topic;
  topic.mutable_message_retention_duration()->set_seconds(600);
  topic.mutable_message_retention_duration()->set_nanos(1);
  EXPECT_THAT(std::string(FromProto(topic).status().message()),
              HasSubstr("message_retention_duration"));
  topic.mutable_message_retention_duration()->set_nanos(0);
  topic.mutable_message_retention_duration()->set_seconds(INT64_MAX);
  EXPECT_EQ(FromProto(topic).status().code(), absl::StatusCode::kInvalidArgument);
}

absl::Status Update(const std::vector<std::string>& paths, SubscriptionSettings& settings) {
  pubsub::UpdateSubscriptionRequest request;
  request.mutable_subscription()->set_ack_deadline_seconds(99);
  for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
  return ApplyUpdate(request, settings);
}

TEST(TranslateTest, UpdateChangesTheMaskedFieldsOnly) {
  SubscriptionSettings settings;
  settings.labels = {{"kept", "1"}};
  settings.expiration_ttl = seconds(90000);
  ASSERT_TRUE(Update({"ack_deadline_seconds", "expiration_policy"}, settings).ok());
  EXPECT_EQ(settings.ack_deadline, seconds(99));
  EXPECT_EQ(settings.labels.size(), 1u);
  EXPECT_EQ(settings.expiration_ttl, std::nullopt);  // named, not set: its default
}

TEST(TranslateTest, UpdateChangesFieldsWithinFields) {
  SubscriptionSettings settings;
  settings.push = PushConfig{"https://a.example", {}, OidcToken{"a@b.example", "aud"}, true, false};
  settings.dead_letter_policy = DeadLetterPolicy{"projects/p/topics/dead", 7};
  pubsub::UpdateSubscriptionRequest request;
  auto& asked = *request.mutable_subscription();
  asked.mutable_push_config()->set_push_endpoint("https://b.example");
  asked.mutable_dead_letter_policy()->set_max_delivery_attempts(9);
  for (const char* path : {"push_config.push_endpoint", "dead_letter_policy.max_delivery_attempts",
                           "expiration_policy.ttl", "retry_policy.maximum_backoff"})
    request.mutable_update_mask()->add_paths(path);
  asked.mutable_retry_policy()->mutable_maximum_backoff()->set_seconds(60);
  ASSERT_TRUE(ApplyUpdate(request, settings).ok());
  EXPECT_EQ(settings.push->endpoint, "https://b.example");
  EXPECT_EQ(settings.push->oidc_token->audience, "aud");
  EXPECT_EQ(settings.dead_letter_policy->topic, "projects/p/topics/dead");
  EXPECT_EQ(settings.dead_letter_policy->max_delivery_attempts, 9);
  EXPECT_EQ(settings.expiration_ttl, seconds(0)) << "a policy without a time: never";
  EXPECT_EQ(settings.retry_policy->maximum_backoff, seconds(60));
  EXPECT_EQ(settings.retry_policy->minimum_backoff, seconds(10));

  TopicSettings topic;
  topic.schema = SchemaSettings{"projects/p/schemas/s", Encoding::kJson, "a", "b"};
  pubsub::UpdateTopicRequest update;
  update.mutable_topic()->mutable_schema_settings()->set_encoding(pubsub::BINARY);
  update.mutable_update_mask()->add_paths("schema_settings.encoding");
  update.mutable_update_mask()->add_paths("schema_settings.first_revision_id");
  ASSERT_TRUE(ApplyUpdate(update, topic).ok());
  EXPECT_EQ(topic.schema, (SchemaSettings{"projects/p/schemas/s", Encoding::kBinary, "", "b"}));
}

TEST(TranslateTest, UpdateUnsetsWhatTheMaskNamesAndTheRequestLacks) {
  SubscriptionSettings settings;
  settings.push = PushConfig{"https://a.example", {}, std::nullopt, true, false};
  settings.dead_letter_policy = DeadLetterPolicy{"projects/p/topics/dead", 7};
  settings.retry_policy = RetryPolicy();
  settings.transforms = {{"f", "code", false}};
  ASSERT_TRUE(
      Update({"push_config", "dead_letter_policy", "retry_policy", "message_transforms"}, settings)
          .ok());
  EXPECT_EQ(settings.push, std::nullopt);
  EXPECT_EQ(settings.dead_letter_policy, std::nullopt);
  EXPECT_EQ(settings.retry_policy, std::nullopt);
  EXPECT_TRUE(settings.transforms.empty());
}

TEST(TranslateTest, UpdateRefusesBadMasks) {
  using absl::StatusCode;
  const std::pair<std::string, StatusCode> cases[] = {
      {"nonsense", StatusCode::kInvalidArgument},
      {"ackDeadlineSeconds", StatusCode::kInvalidArgument},
      {"labels.x", StatusCode::kInvalidArgument},
      {"*", StatusCode::kInvalidArgument},
      {"", StatusCode::kInvalidArgument},
      {"name", StatusCode::kInvalidArgument},
      {"topic", StatusCode::kInvalidArgument},
      {"filter", StatusCode::kInvalidArgument},
      {"enable_message_ordering", StatusCode::kInvalidArgument},
      {"state", StatusCode::kInvalidArgument},
      {"detached", StatusCode::kInvalidArgument},
      {"topic_message_retention_duration", StatusCode::kInvalidArgument},
      {"bigquery_config.state", StatusCode::kInvalidArgument},
      {"push_config.nonsense", StatusCode::kInvalidArgument},
      {"push_config.push_endpoint.x", StatusCode::kInvalidArgument},
      {"push_config.", StatusCode::kInvalidArgument},
      {"message_transforms.disabled", StatusCode::kInvalidArgument},
      {"cloud_storage_config", StatusCode::kUnimplemented},
      {"tags", StatusCode::kUnimplemented}};
  for (const auto& [path, code] : cases) {
    SubscriptionSettings settings;
    const absl::Status status = Update({path}, settings);
    EXPECT_EQ(status.code(), code) << path;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
  SubscriptionSettings settings;
  EXPECT_EQ(Update({"cloud_storage_config.bucket"}, settings).code(), StatusCode::kUnimplemented);
  EXPECT_EQ(Update({}, settings).code(), StatusCode::kInvalidArgument);
}

TEST(TranslateTest, MovesDataAndSortsAttributes) {
  pubsub::PubsubMessage message;
  message.set_data(std::string(1000, 'x'));
  const char* bytes = message.data().data();
  for (const char* key : {"c", "a", "b"}) (*message.mutable_attributes())[key] = key;
  const event::Draft draft = ToDraft(message);
  EXPECT_EQ(draft.data.data(), bytes);
  EXPECT_EQ(draft.attributes, (event::Attributes{{"a", "a"}, {"b", "b"}, {"c", "c"}}));
}

}  // namespace
}  // namespace afluente::broker::wire
