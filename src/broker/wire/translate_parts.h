#pragma once

#include <chrono>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "google/pubsub/v1/pubsub.pb.h"

// Parts of topics' and subscriptions' settings; used by translate*.cc alone. Errors as there.
namespace afluente::broker::wire {

namespace pubsub = google::pubsub::v1;

absl::StatusOr<std::chrono::seconds> ToSeconds(const google::protobuf::Duration& duration,
                                               const char* field);

absl::StatusOr<SchemaSettings> FromProto(const pubsub::SchemaSettings& schema);
absl::StatusOr<std::vector<MessageTransform>> FromProto(
    const google::protobuf::RepeatedPtrField<pubsub::MessageTransform>& transforms);
absl::StatusOr<RetryPolicy> FromProto(const pubsub::RetryPolicy& policy);
DeadLetterPolicy FromProto(const pubsub::DeadLetterPolicy& policy);
PushConfig FromProto(const pubsub::PushConfig& push);
BigqueryConfig FromProto(const pubsub::BigQueryConfig& config);

void ToProto(const SchemaSettings& from, pubsub::SchemaSettings& to);
void ToProto(const std::vector<MessageTransform>& from,
             google::protobuf::RepeatedPtrField<pubsub::MessageTransform>& to);
void ToProto(const RetryPolicy& from, pubsub::RetryPolicy& to);
void ToProto(const DeadLetterPolicy& from, pubsub::DeadLetterPolicy& to);
void ToProto(const PushConfig& from, pubsub::PushConfig& to);
void ToProto(const BigqueryConfig& from, pubsub::BigQueryConfig& to);

}  // namespace afluente::broker::wire
