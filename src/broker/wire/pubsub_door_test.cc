#include "broker/wire/pubsub_door.h"

#include <grpcpp/client_context.h>

#include "broker/wire/door_fixture.h"
#include "gmock/gmock.h"

namespace afluente::broker::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(DoorTest, PublishesAndPullsOverGrpc) {
  ASSERT_TRUE(CreateTopic().ok());
  ASSERT_TRUE(CreateSubscription().ok());
  grpc::ClientContext publish_context;
  pubsub::PublishRequest publish;
  publish.set_topic(kTopic);
  auto* message = publish.add_messages();
  message->set_data("data");
  message->set_ordering_key("key");
  (*message->mutable_attributes())["b"] = "2";
  (*message->mutable_attributes())["a"] = "1";
  pubsub::PublishResponse published;
  ASSERT_TRUE(publisher_->Publish(&publish_context, publish, &published).ok());
  EXPECT_THAT(published.message_ids(), ElementsAre("1"));

  grpc::ClientContext pull_context;
  pubsub::PullRequest pull;
  pull.set_subscription(kSubscription);
  pull.set_max_messages(10);
  pubsub::PullResponse pulled;
  ASSERT_TRUE(subscriber_->Pull(&pull_context, pull, &pulled).ok());
  ASSERT_EQ(pulled.received_messages_size(), 1);
  const auto& received = pulled.received_messages(0);
  EXPECT_EQ(received.message().data(), "data");
  EXPECT_EQ(received.message().ordering_key(), "key");
  EXPECT_EQ(received.message().attributes().at("a"), "1");
  EXPECT_EQ(received.message().attributes().at("b"), "2");
  EXPECT_EQ(received.message().publish_time().seconds(), 1'700'000'000);
  EXPECT_EQ(received.message().publish_time().nanos(), 1'000);

  grpc::ClientContext ack_context;
  pubsub::AcknowledgeRequest ack;
  ack.set_subscription(kSubscription);
  ack.add_ack_ids(received.ack_id());
  google::protobuf::Empty empty;
  ASSERT_TRUE(subscriber_->Acknowledge(&ack_context, ack, &empty).ok());
  EXPECT_THAT(broker_.acknowledged(), ElementsAre(received.ack_id()));
}

TEST_F(DoorTest, PublishesAndPullsOverRest) {
  EXPECT_EQ(Rest("PUT", "/v1/projects/p/topics/t", "{}").status, 200);
  EXPECT_EQ(
      Rest("PUT", "/v1/projects/p/subscriptions/s", R"({"topic": "projects/p/topics/t"})").status,
      200);
  const http::Response published =
      Rest("POST", "/v1/projects/p/topics/t:publish",
           R"({"messages": [{"data": "aGVsbG8=", "attributes": {"a": "1"}}]})");
  EXPECT_EQ(published.body, R"({"messageIds":["1"]})");
  const http::Response pulled =
      Rest("POST", "/v1/projects/p/subscriptions/s:pull", R"({"maxMessages": 5})");
  EXPECT_EQ(pulled.status, 200);
  EXPECT_THAT(pulled.body, HasSubstr(R"("data":"aGVsbG8=")"));
  EXPECT_THAT(pulled.body, HasSubstr(R"("publishTime":"2023-11-14T22:13:20.000001Z")"));
  EXPECT_EQ(
      Rest("POST", "/v1/projects/p/subscriptions/s:acknowledge", R"({"ackIds": ["ack-1"]})").body,
      "{}");
  EXPECT_THAT(broker_.acknowledged(), ElementsAre("ack-1"));
}

}  // namespace
}  // namespace afluente::broker::wire
