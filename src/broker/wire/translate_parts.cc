#include "broker/wire/translate_parts.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The greatest Duration is 10,000 years.
constexpr int64_t kSecondsMax = 315'576'000'000;

absl::StatusOr<milliseconds> ToMilliseconds(const google::protobuf::Duration& duration,
                                            const char* field) {
  if (duration.seconds() < 0 || duration.nanos() < 0 || duration.seconds() > kSecondsMax ||
      duration.nanos() % 1'000'000 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " must be a whole number of milliseconds, and not negative."));
  }
  return milliseconds(duration.seconds() * 1000 + duration.nanos() / 1'000'000);
}

void SetDuration(milliseconds value, google::protobuf::Duration& duration) {
  duration.set_seconds(value.count() / 1000);
  duration.set_nanos(static_cast<int32_t>(value.count() % 1000 * 1'000'000));
}

}  // namespace

absl::StatusOr<seconds> ToSeconds(const google::protobuf::Duration& duration, const char* field) {
  if (duration.nanos() != 0 || duration.seconds() > kSecondsMax ||
      duration.seconds() < -kSecondsMax)
    return absl::InvalidArgumentError(absl::StrCat(field, " must be a whole number of seconds."));
  return seconds(duration.seconds());
}

absl::StatusOr<SchemaSettings> FromProto(const pubsub::SchemaSettings& schema) {
  SchemaSettings settings;
  settings.schema = schema.schema();
  switch (schema.encoding()) {
    case pubsub::ENCODING_UNSPECIFIED:
      break;
    case pubsub::JSON:
      settings.encoding = Encoding::kJson;
      break;
    case pubsub::BINARY:
      settings.encoding = Encoding::kBinary;
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("schema_settings.encoding has no value ", schema.encoding(), "."));
  }
  settings.first_revision_id = schema.first_revision_id();
  settings.last_revision_id = schema.last_revision_id();
  return settings;
}

absl::StatusOr<std::vector<MessageTransform>> FromProto(
    const google::protobuf::RepeatedPtrField<pubsub::MessageTransform>& transforms) {
  std::vector<MessageTransform> settings;
  for (const pubsub::MessageTransform& each : transforms) {
    if (each.has_ai_inference()) {
      return absl::UnimplementedError(
          "Afluente does not support the field MessageTransform.ai_inference.");
    }
    if (!each.has_javascript_udf())
      return absl::InvalidArgumentError("message_transforms: one has no javascript_udf.");
    settings.push_back(
        {each.javascript_udf().function_name(), each.javascript_udf().code(), each.disabled()});
  }
  return settings;
}

absl::StatusOr<RetryPolicy> FromProto(const pubsub::RetryPolicy& policy) {
  RetryPolicy settings;
  if (policy.has_minimum_backoff()) {
    AFLUENTE_ASSIGN_OR_RETURN(
        settings.minimum_backoff,
        ToMilliseconds(policy.minimum_backoff(), "retry_policy.minimum_backoff"));
  }
  if (policy.has_maximum_backoff()) {
    AFLUENTE_ASSIGN_OR_RETURN(
        settings.maximum_backoff,
        ToMilliseconds(policy.maximum_backoff(), "retry_policy.maximum_backoff"));
  }
  return settings;
}

DeadLetterPolicy FromProto(const pubsub::DeadLetterPolicy& policy) {
  DeadLetterPolicy settings;
  settings.topic = policy.dead_letter_topic();
  if (policy.max_delivery_attempts() != 0)
    settings.max_delivery_attempts = policy.max_delivery_attempts();
  return settings;
}

PushConfig FromProto(const pubsub::PushConfig& push) {
  PushConfig settings;
  settings.endpoint = push.push_endpoint();
  settings.attributes = {push.attributes().begin(), push.attributes().end()};
  if (push.has_oidc_token()) {
    settings.oidc_token =
        OidcToken{push.oidc_token().service_account_email(), push.oidc_token().audience()};
  }
  settings.wrapped = !push.has_no_wrapper();
  settings.write_metadata = push.no_wrapper().write_metadata();
  return settings;
}

BigqueryConfig FromProto(const pubsub::BigQueryConfig& config) {
  BigqueryConfig settings;
  settings.table = config.table();
  settings.use_topic_schema = config.use_topic_schema();
  settings.use_table_schema = config.use_table_schema();
  settings.write_metadata = config.write_metadata();
  settings.drop_unknown_fields = config.drop_unknown_fields();
  settings.service_account_email = config.service_account_email();
  return settings;
}

void ToProto(const SchemaSettings& from, pubsub::SchemaSettings& to) {
  to.set_schema(from.schema);
  to.set_encoding(from.encoding == Encoding::kJson     ? pubsub::JSON
                  : from.encoding == Encoding::kBinary ? pubsub::BINARY
                                                       : pubsub::ENCODING_UNSPECIFIED);
  to.set_first_revision_id(from.first_revision_id);
  to.set_last_revision_id(from.last_revision_id);
}

void ToProto(const std::vector<MessageTransform>& from,
             google::protobuf::RepeatedPtrField<pubsub::MessageTransform>& to) {
  for (const MessageTransform& each : from) {
    pubsub::MessageTransform& transform = *to.Add();
    transform.mutable_javascript_udf()->set_function_name(each.function_name);
    transform.mutable_javascript_udf()->set_code(each.code);
    transform.set_disabled(each.disabled);
  }
}

void ToProto(const RetryPolicy& from, pubsub::RetryPolicy& to) {
  SetDuration(from.minimum_backoff, *to.mutable_minimum_backoff());
  SetDuration(from.maximum_backoff, *to.mutable_maximum_backoff());
}

void ToProto(const DeadLetterPolicy& from, pubsub::DeadLetterPolicy& to) {
  to.set_dead_letter_topic(from.topic);
  to.set_max_delivery_attempts(from.max_delivery_attempts);
}

void ToProto(const PushConfig& from, pubsub::PushConfig& to) {
  to.set_push_endpoint(from.endpoint);
  for (const auto& [key, value] : from.attributes) (*to.mutable_attributes())[key] = value;
  if (from.oidc_token) {
    to.mutable_oidc_token()->set_service_account_email(from.oidc_token->service_account_email);
    to.mutable_oidc_token()->set_audience(from.oidc_token->audience);
  }
  if (!from.wrapped) to.mutable_no_wrapper()->set_write_metadata(from.write_metadata);
}

void ToProto(const BigqueryConfig& from, pubsub::BigQueryConfig& to) {
  to.set_table(from.table);
  to.set_use_topic_schema(from.use_topic_schema);
  to.set_use_table_schema(from.use_table_schema);
  to.set_write_metadata(from.write_metadata);
  to.set_drop_unknown_fields(from.drop_unknown_fields);
  to.set_service_account_email(from.service_account_email);
  switch (from.state) {
    case BigqueryState::kActive:
      return to.set_state(pubsub::BigQueryConfig::ACTIVE);
    case BigqueryState::kPermissionDenied:
      return to.set_state(pubsub::BigQueryConfig::PERMISSION_DENIED);
    case BigqueryState::kNotFound:
      return to.set_state(pubsub::BigQueryConfig::NOT_FOUND);
    case BigqueryState::kSchemaMismatch:
      return to.set_state(pubsub::BigQueryConfig::SCHEMA_MISMATCH);
  }
}

}  // namespace afluente::broker::wire
