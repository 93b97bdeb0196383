// Exactly-once delivery on the wire: what gRPC, REST and streams say of single ack ids.
#include "broker/wire/door_fixture.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace afluente::broker::wire {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ExactlyOnceDoor : public DoorTest {
 protected:
  ExactlyOnceDoor() {
    EXPECT_TRUE(CreateTopic().ok());
    EXPECT_TRUE(CreateSubscription().ok());
  }
  grpc::Status Acknowledge(const std::vector<std::string>& ids) {
    grpc::ClientContext context;
    pubsub::AcknowledgeRequest request;
    request.set_subscription(kSubscription);
    for (const std::string& id : ids) request.add_ack_ids(id);
    google::protobuf::Empty empty;
    return subscriber_->Acknowledge(&context, request, &empty);
  }
  static google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    EXPECT_EQ(details.code(), status.error_code());
    EXPECT_EQ(details.details_size(), 1);
    if (details.details_size() == 1) {
      EXPECT_TRUE(details.details(0).UnpackTo(&info));
    }
    return info;
  }
};

TEST_F(ExactlyOnceDoor, FailedAckIdsAreNamedInTheErrorsDetails) {
  broker_.SetExactlyOnce(true, {{"old", AckFault::kInvalid}, {"later", AckFault::kUnordered}});
  const grpc::Status status = Acknowledge({"good", "old", "later"});
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  const google::rpc::ErrorInfo info = InfoOf(status);
  EXPECT_EQ(info.reason(), "EXACTLY_ONCE_ACKID_FAILURE");
  EXPECT_EQ(info.domain(), "pubsub.googleapis.com");
  EXPECT_EQ(info.metadata_size(), 3);
  EXPECT_THAT(info.metadata().at("good"), HasSubstr("TRANSIENT_FAILURE_"));
  EXPECT_EQ(info.metadata().at("old"), "PERMANENT_FAILURE_INVALID_ACK_ID");
  EXPECT_EQ(info.metadata().at("later"), "TRANSIENT_FAILURE_UNORDERED_ACK_ID");
  EXPECT_TRUE(Acknowledge({"good"}).ok());
}

TEST_F(ExactlyOnceDoor, WhatIsOnlyTransientIsUnavailable) {
  broker_.SetExactlyOnce(true, {{"a", AckFault::kTransient}});
  const grpc::Status status = Acknowledge({"a"});
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(InfoOf(status).metadata().at("a"), HasSubstr("TRANSIENT_FAILURE_"));
}

TEST_F(ExactlyOnceDoor, ModifyAckDeadlineAnswersLikewise) {
  broker_.SetExactlyOnce(true, {{"old", AckFault::kInvalid}});
  grpc::ClientContext context;
  pubsub::ModifyAckDeadlineRequest request;
  request.set_subscription(kSubscription);
  request.add_ack_ids("old");
  request.set_ack_deadline_seconds(30);
  google::protobuf::Empty empty;
  const grpc::Status status = subscriber_->ModifyAckDeadline(&context, request, &empty);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(InfoOf(status).metadata().count("old"), 1u);
}

// Sent again, it would be refused: its lease is gone.
TEST_F(ExactlyOnceDoor, ANackThatSucceededIsNotToBeSentAgain) {
  broker_.SetExactlyOnce(true, {{"old", AckFault::kInvalid}});
  grpc::ClientContext context;
  pubsub::ModifyAckDeadlineRequest request;
  request.set_subscription(kSubscription);
  request.add_ack_ids("old");
  request.add_ack_ids("good");
  google::protobuf::Empty empty;
  const auto info = InfoOf(subscriber_->ModifyAckDeadline(&context, request, &empty));
  EXPECT_EQ(info.metadata_size(), 1);
  EXPECT_EQ(info.metadata().count("old"), 1u);
}

TEST_F(ExactlyOnceDoor, RestHasTheDetailsToo) {
  broker_.SetExactlyOnce(true, {{"old", AckFault::kInvalid}});
  const auto response =
      Rest("POST", "/v1/projects/p/subscriptions/s:acknowledge", R"({"ackIds": ["old", "good"]})");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body,
              HasSubstr(R"("details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",)"
                        R"("reason":"EXACTLY_ONCE_ACKID_FAILURE")"));
  EXPECT_THAT(response.body, HasSubstr(R"("old":"PERMANENT_FAILURE_INVALID_ACK_ID")"));
  const auto plain = Rest("GET", "/v1/projects/p/subscriptions/none");
  EXPECT_THAT(plain.body, testing::Not(HasSubstr("details")));
}

class ExactlyOnceStream : public ExactlyOnceDoor {
 protected:
  void Open(bool exactly_once, std::map<std::string, AckFault> faults = {}) {
    broker_.SetExactlyOnce(exactly_once, std::move(faults));
    call_ = subscriber_->StreamingPull(&context_);
    pubsub::StreamingPullRequest request;
    request.set_subscription(kSubscription);
    request.set_stream_ack_deadline_seconds(10);
    request.set_protocol_version(1);
    ASSERT_TRUE(call_->Write(request));
    ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
    ASSERT_TRUE(broker_.queues().AwaitWaiting());
  }
  pubsub::StreamingPullResponse Read() {
    pubsub::StreamingPullResponse response;
    EXPECT_TRUE(call_->Read(&response));
    return response;
  }
  void Close() {
    call_->WritesDone();
    ExpectEnd();
  }
  void ExpectEnd() {
    pubsub::StreamingPullResponse response;
    EXPECT_FALSE(call_->Read(&response)) << response.DebugString();
    EXPECT_TRUE(call_->Finish().ok());
  }
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<pubsub::StreamingPullRequest, pubsub::StreamingPullResponse>>
      call_;
};

TEST_F(ExactlyOnceStream, EveryResponseSaysSo) {
  Open(true);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Publish({"a"}).ok());
    EXPECT_TRUE(Read().subscription_properties().exactly_once_delivery_enabled());
  }
  ASSERT_TRUE(call_->Write(pubsub::StreamingPullRequest()));
  EXPECT_TRUE(Read().subscription_properties().exactly_once_delivery_enabled());
  Close();
}

TEST_F(ExactlyOnceStream, AcksAndDeadlinesAreConfirmed) {
  Open(true, {{"old", AckFault::kInvalid},
              {"later", AckFault::kUnordered},
              {"busy", AckFault::kTransient}});
  pubsub::StreamingPullRequest acks;
  for (const char* id : {"good", "old", "later", "busy"}) acks.add_ack_ids(id);
  ASSERT_TRUE(call_->Write(acks));
  pubsub::StreamingPullResponse response = Read();
  EXPECT_FALSE(response.has_modify_ack_deadline_confirmation());
  const auto& acked = response.acknowledge_confirmation();
  EXPECT_THAT(acked.ack_ids(), ElementsAre("good"));
  EXPECT_THAT(acked.invalid_ack_ids(), ElementsAre("old"));
  EXPECT_THAT(acked.unordered_ack_ids(), ElementsAre("later"));
  EXPECT_THAT(acked.temporary_failed_ack_ids(), ElementsAre("busy"));
  pubsub::StreamingPullRequest deadlines;
  for (const char* id : {"good", "old"}) {
    deadlines.add_modify_deadline_ack_ids(id);
    deadlines.add_modify_deadline_seconds(30);
  }
  ASSERT_TRUE(call_->Write(deadlines));
  response = Read();
  EXPECT_FALSE(response.has_acknowledge_confirmation());
  EXPECT_THAT(response.modify_ack_deadline_confirmation().ack_ids(), ElementsAre("good"));
  EXPECT_THAT(response.modify_ack_deadline_confirmation().invalid_ack_ids(), ElementsAre("old"));
  Close();
}

TEST_F(ExactlyOnceStream, TheLastAcksAreConfirmedBeforeTheStreamEnds) {
  Open(true);
  pubsub::StreamingPullRequest acks;
  acks.add_ack_ids("a");
  ASSERT_TRUE(call_->Write(acks));
  ASSERT_TRUE(call_->WritesDone());
  EXPECT_THAT(Read().acknowledge_confirmation().ack_ids(), ElementsAre("a"));
  ExpectEnd();
}

TEST_F(ExactlyOnceStream, NothingIsConfirmedWithoutIt) {
  Open(false);
  pubsub::StreamingPullRequest acks;
  acks.add_ack_ids("a");
  ASSERT_TRUE(call_->Write(acks));
  ASSERT_TRUE(broker_.AwaitAcknowledged("a"));
  ASSERT_TRUE(Publish({"x"}).ok());
  const pubsub::StreamingPullResponse response = Read();
  EXPECT_EQ(response.received_messages_size(), 1);
  EXPECT_FALSE(response.has_acknowledge_confirmation());
  Close();
}

TEST_F(ExactlyOnceStream, AChangeIsToldAtOnce) {
  Open(false);
  ASSERT_TRUE(Publish({"x"}).ok());
  EXPECT_FALSE(Read().subscription_properties().exactly_once_delivery_enabled());
  ASSERT_TRUE(broker_.queues().AwaitWaiting());
  broker_.SetExactlyOnce(true);
  pubsub::StreamingPullResponse response = Read();
  EXPECT_THAT(response.received_messages(), IsEmpty());
  EXPECT_TRUE(response.subscription_properties().exactly_once_delivery_enabled());
  ASSERT_TRUE(broker_.queues().AwaitWaiting());
  broker_.SetExactlyOnce(false);
  response = Read();
  ASSERT_TRUE(response.has_subscription_properties());
  EXPECT_FALSE(response.subscription_properties().exactly_once_delivery_enabled());
  Close();
}

}  // namespace
}  // namespace afluente::broker::wire
