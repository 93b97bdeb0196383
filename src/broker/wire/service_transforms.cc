// ValidateMessageTransform and TestMessageTransforms.
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/limits.h"
#include "broker/transform_chain.h"
#include "broker/wire/answer.h"
#include "broker/wire/service.h"
#include "broker/wire/translate_parts.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

absl::Status CheckProject(const std::string& project) {
  return CheckTopicName(absl::StrCat(project, "/topics/any")).ok()
             ? absl::OkStatus()
             : absl::InvalidArgumentError(
                   absl::StrCat("Invalid project: ", project, ", expected projects/PROJECT."));
}

event::Message ToMessage(pubsub::PubsubMessage from) {
  event::Draft draft = ToDraft(from);
  event::Message message;
  message.data = std::move(draft.data);
  message.attributes = std::move(draft.attributes);
  message.ordering_key = std::move(draft.ordering_key);
  message.message_id = from.message_id();
  message.publish_time =
      host::WallTime(std::chrono::seconds(from.publish_time().seconds()) +
                     std::chrono::microseconds(from.publish_time().nanos() / 1000));
  return message;
}

void SetOutcome(const absl::StatusOr<script::Transformed>& made, const pubsub::PubsubMessage& given,
                transforms::TransformedMessage& outcome) {
  if (!made.ok()) {
    google::rpc::Status& error = *outcome.mutable_failed_message()->mutable_error();
    error.set_code(static_cast<int>(made.status().code()));
    error.set_message(std::string(made.status().message()));
  } else if (!made->has_value()) {
    outcome.mutable_filtered_message();
  } else {
    pubsub::PubsubMessage& message = *outcome.mutable_transformed_message();
    message = given;
    message.set_data((*made)->data);
    message.clear_attributes();
    for (const auto& [key, value] : (*made)->attributes)
      (*message.mutable_attributes())[key] = value;
  }
}

}  // namespace

void Service::ValidateMessageTransform(transforms::ValidateMessageTransformRequest& request,
                                       const Call&,
                                       Reply<transforms::ValidateMessageTransformResponse> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [request = std::move(
                       request)]() -> absl::StatusOr<transforms::ValidateMessageTransformResponse> {
                    AFLUENTE_RETURN_IF_ERROR(CheckProject(request.project()));
                    google::protobuf::RepeatedPtrField<pubsub::MessageTransform> one;
                    *one.Add() = request.message_transform();
                    AFLUENTE_ASSIGN_OR_RETURN(auto settings, FromProto(one));
                    AFLUENTE_RETURN_IF_ERROR(CheckCompiles(settings));
                    return transforms::ValidateMessageTransformResponse();
                  });
}

absl::StatusOr<std::vector<MessageTransform>> Service::TransformsOf(
    const transforms::TestMessageTransformsRequest& request) const {
  using Request = transforms::TestMessageTransformsRequest;
  switch (request.transforms_case()) {
    case Request::kTopic: {
      AFLUENTE_ASSIGN_OR_RETURN(TopicSettings topic, topics_.GetTopic(request.topic()));
      return std::move(topic.transforms);
    }
    case Request::kSubscription: {
      AFLUENTE_ASSIGN_OR_RETURN(SubscriptionSettings subscription,
                                subscriptions_.GetSubscription(request.subscription()));
      return std::move(subscription.transforms);
    }
    case Request::kMessageTransforms: {
      AFLUENTE_ASSIGN_OR_RETURN(auto given,
                                FromProto(request.message_transforms().message_transforms()));
      AFLUENTE_RETURN_IF_ERROR(CheckCompiles(given));
      return given;
    }
    case Request::TRANSFORMS_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "A message is tested with message_transforms, a topic or a subscription.");
}

void Service::TestMessageTransforms(transforms::TestMessageTransformsRequest& request, const Call&,
                                    Reply<transforms::TestMessageTransformsResponse> reply) {
  ReplyFromWorker(
      workers_, std::move(reply),
      [this, request = std::move(
                 request)]() -> absl::StatusOr<transforms::TestMessageTransformsResponse> {
        AFLUENTE_RETURN_IF_ERROR(CheckProject(request.project()));
        AFLUENTE_ASSIGN_OR_RETURN(auto settings, TransformsOf(request));
        event::Message message = ToMessage(request.message());
        transforms::TestMessageTransformsResponse response;
        for (const MessageTransform& each : settings) {
          if (each.disabled) continue;
          absl::StatusOr<script::Transformed> made = TransformChain({each}).Apply(message);
          SetOutcome(made, request.message(), *response.add_transformed_messages());
          if (!made.ok() || !made->has_value()) break;
          message.data = std::move((*made)->data);
          message.attributes = std::move((*made)->attributes);
        }
        return response;
      });
}

}  // namespace afluente::broker::wire
