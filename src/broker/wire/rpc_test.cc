#include <future>
#include <thread>

#include "broker/wire/client.h"
#include "broker/wire/door_fixture.h"
#include "gmock/gmock.h"
#include "google/iam/v1/iam_policy.grpc.pb.h"
#include "google/pubsub/v1/schema.grpc.pb.h"

namespace afluente::broker::wire {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

class RpcTest : public DoorTest {
 protected:
  grpc::Status Pull(int max_messages, std::chrono::milliseconds timeout, bool immediately,
                    pubsub::PullResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    pubsub::PullRequest request;
    request.set_subscription(kSubscription);
    request.set_max_messages(max_messages);
    // By reflection: the field is deprecated.
    const auto* field = request.GetDescriptor()->FindFieldByName("return_immediately");
    request.GetReflection()->SetBool(&request, field, immediately);
    return subscriber_->Pull(&context, request, &response);
  }
};

TEST_F(RpcTest, TopicsLiveAndDie) {
  ASSERT_TRUE(CreateTopic().ok());
  EXPECT_EQ(CreateTopic().error_code(), StatusCode::ALREADY_EXISTS);
  {
    grpc::ClientContext context;
    pubsub::UpdateTopicRequest request;
    request.mutable_topic()->set_name(kTopic);
    (*request.mutable_topic()->mutable_labels())["a"] = "1";
    request.mutable_topic()->mutable_message_retention_duration()->set_seconds(600);
    request.mutable_update_mask()->add_paths("labels");
    pubsub::Topic topic;
    ASSERT_TRUE(publisher_->UpdateTopic(&context, request, &topic).ok());
    EXPECT_EQ(topic.labels().at("a"), "1");
    EXPECT_FALSE(topic.has_message_retention_duration());  // not in the mask
    EXPECT_EQ(topic.state(), pubsub::Topic::ACTIVE);
  }
  {
    grpc::ClientContext context;
    pubsub::DeleteTopicRequest request;
    request.set_topic(kTopic);
    google::protobuf::Empty empty;
    EXPECT_TRUE(publisher_->DeleteTopic(&context, request, &empty).ok());
  }
  grpc::ClientContext context;
  pubsub::GetTopicRequest request;
  request.set_topic(kTopic);
  pubsub::Topic topic;
  const grpc::Status gone = publisher_->GetTopic(&context, request, &topic);
  EXPECT_EQ(gone.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(gone.error_message(), HasSubstr(kTopic));
}

TEST_F(RpcTest, ListsInPages) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(CreateTopic(absl::StrCat("projects/p/topics/t", i)).ok());
  std::vector<std::string> names;
  std::string token;
  do {
    grpc::ClientContext context;
    pubsub::ListTopicsRequest request;
    request.set_project("projects/p");
    request.set_page_size(2);
    request.set_page_token(token);
    pubsub::ListTopicsResponse response;
    ASSERT_TRUE(publisher_->ListTopics(&context, request, &response).ok());
    for (const auto& topic : response.topics()) names.push_back(topic.name().substr(18));
    token = response.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(names, ElementsAre("t0", "t1", "t2", "t3", "t4"));
}

TEST_F(RpcTest, APublishIsAnsweredWhenTheBrokerSaysSo) {
  ASSERT_TRUE(CreateTopic().ok());
  broker_.HoldPublishes();
  auto published = std::async(std::launch::async, [&] { return Publish({"a"}).ok(); });
  ASSERT_TRUE(broker_.AwaitHeld(1));
  EXPECT_EQ(published.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  broker_.ReleasePublishes();
  EXPECT_TRUE(published.get());
}

TEST_F(RpcTest, ACallerMayLeaveBeforeItsPublishIsAnswered) {
  ASSERT_TRUE(CreateTopic().ok());
  broker_.HoldPublishes();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  pubsub::PublishRequest request;
  request.set_topic(kTopic);
  request.add_messages()->set_data("a");
  pubsub::PublishResponse response;
  EXPECT_EQ(publisher_->Publish(&context, request, &response).error_code(),
            StatusCode::DEADLINE_EXCEEDED);
  ASSERT_TRUE(broker_.AwaitHeld(1));
  broker_.ReleasePublishes();
  ExpectAlive();
}

TEST_F(RpcTest, TheBrokersErrorsKeepTheirCodes) {
  ASSERT_TRUE(CreateTopic().ok());
  broker_.FailPublishes(absl::ResourceExhaustedError("The disk is full."));
  EXPECT_EQ(Publish({"a"}).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  broker_.FailPublishes(absl::UnavailableError("The disk refused."));
  EXPECT_EQ(Publish({"a"}).error_message(), "The disk refused.");
  broker_.FailPublishes(absl::DataLossError("x"));
  EXPECT_EQ(Publish({"a"}).error_code(), StatusCode::DATA_LOSS);
}

TEST_F(RpcTest, PullKeepsToItsLimits) {
  ASSERT_TRUE(CreateTopic().ok());
  ASSERT_TRUE(CreateSubscription().ok());
  using std::chrono::milliseconds;
  pubsub::PullResponse response;
  EXPECT_EQ(Pull(0, milliseconds(5000), false, response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Pull(-1, milliseconds(5000), false, response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(Pull(1, milliseconds(5000), true, response).ok());
  EXPECT_EQ(response.received_messages_size(), 0);
  // The answer comes before the caller's deadline.
  EXPECT_TRUE(Pull(1, milliseconds(500), false, response).ok());
  EXPECT_EQ(response.received_messages_size(), 0);
  ASSERT_TRUE(Publish({"a", "b", "c"}).ok());
  EXPECT_TRUE(Pull(2, milliseconds(5000), true, response).ok());
  EXPECT_EQ(response.received_messages_size(), 2);
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
}

TEST_F(RpcTest, PullEndsWithItsCallerOrItsSubscription) {
  ASSERT_TRUE(CreateTopic().ok());
  ASSERT_TRUE(CreateSubscription().ok());
  pubsub::PullRequest request;
  request.set_subscription(kSubscription);
  request.set_max_messages(1);
  grpc::ClientContext cancelled;
  std::thread canceller([&] {
    EXPECT_TRUE(broker_.queues().AwaitConsumers(1));
    cancelled.TryCancel();
  });
  pubsub::PullResponse response;
  EXPECT_EQ(subscriber_->Pull(&cancelled, request, &response).error_code(), StatusCode::CANCELLED);
  canceller.join();
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));

  grpc::ClientContext context;
  std::thread deleter([&] {
    EXPECT_TRUE(broker_.queues().AwaitConsumers(1));
    EXPECT_TRUE(broker_.queues().AwaitWaiting());
    EXPECT_TRUE(broker_.DeleteSubscription(kSubscription).ok());
  });
  EXPECT_EQ(subscriber_->Pull(&context, request, &response).error_code(), StatusCode::NOT_FOUND);
  deleter.join();
}

TEST_F(RpcTest, MalformedMessagesAreTheCallersFault) {
  const std::string publish = "/google.pubsub.v1.Publisher/Publish";
  for (const std::string& bytes :
       {std::string("\xff\xff\xff"), std::string("\x0a\x05zz"), std::string("\x0a\x02\xc3\x28")}) {
    const grpc::Status status = RawCall(publish, bytes);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("PublishRequest"));
  }
  EXPECT_EQ(RawCall(publish, std::string(21 << 20, 'x')).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  ExpectAlive();
}

TEST_F(RpcTest, HealthIsServing) {
  std::string answer;
  ASSERT_TRUE(RawCall("/grpc.health.v1.Health/Check", "", &answer).ok());
  EXPECT_EQ(answer, std::string("\x08\x01"));  // HealthCheckResponse{status: SERVING}
  // HealthCheckRequest{service: "google.pubsub.v1.Publisher"}
  ASSERT_TRUE(
      RawCall("/grpc.health.v1.Health/Check", "\x0a\x1agoogle.pubsub.v1.Publisher", &answer).ok());
  EXPECT_EQ(answer, std::string("\x08\x01"));
}

TEST_F(RpcTest, ReflectionListsTheServices) {
  std::string answer;
  const std::string list_services = "\x3a\x01*";  // ServerReflectionRequest{list_services: "*"}
  ASSERT_TRUE(RawCall("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                      list_services, &answer)
                  .ok());
  for (const char* service : {"google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber",
                              "google.pubsub.v1.SchemaService", "google.iam.v1.IAMPolicy"})
    EXPECT_THAT(answer, HasSubstr(service));
}

TEST_F(RpcTest, CountsWhatPasses) {
  ASSERT_TRUE(CreateTopic().ok());
  ASSERT_TRUE(Publish({"abc", "de"}).ok());
  EXPECT_FALSE(CreateTopic().ok());
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr("afluente_pubsub_published_messages_total 2\n"));
  EXPECT_THAT(text, HasSubstr("afluente_pubsub_published_bytes_total 5\n"));
  EXPECT_THAT(text, HasSubstr("afluente_pubsub_open_pulls 0\n"));
  EXPECT_THAT(text, HasSubstr("ALREADY_EXISTS"));
}

TEST_F(RpcTest, OurClientDoesTheRound) {
  auto client = PubsubClient::Create(absl::StrCat("127.0.0.1:", port_), {});
  ASSERT_TRUE(client->EnsureTopic(kTopic).ok());
  ASSERT_TRUE(client->EnsureTopic(kTopic).ok());
  SubscriptionSettings settings;
  settings.name = kSubscription;
  settings.topic = kTopic;
  ASSERT_TRUE(client->CreateSubscription(settings).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(client->CreateSubscription(settings)));
  std::atomic<int> answered{0};
  for (int i = 0; i < 500; ++i)
    client->Publish(kTopic, {{"data", {{"k", absl::StrCat(i)}}, ""}, {"more", {}, ""}},
                    [&](absl::StatusOr<std::vector<std::string>> ids) {
                      if (ids.ok() && ids->size() == 2) ++answered;
                    });
  client->Flush();
  EXPECT_EQ(answered, 500);
  client->Publish("projects/p/topics/none", {{"data", {}, ""}},
                  [&](absl::StatusOr<std::vector<std::string>> ids) {
                    EXPECT_TRUE(absl::IsNotFound(ids.status())) << ids.status();
                  });
  client->Flush();
  const auto received = client->Pull(kSubscription, 10);
  ASSERT_TRUE(received.ok()) << received.status();
  ASSERT_EQ(received->size(), 10u);
  EXPECT_EQ(received->front().message.data, "data");
  EXPECT_NE(event::FindAttribute(received->front().message.attributes, "k"), nullptr);
  EXPECT_TRUE(client->Acknowledge(kSubscription, {received->front().ack_id}).ok());
  EXPECT_EQ(broker_.acknowledged().size(), 1u);
}

TEST_F(RpcTest, OurClientSaysWhenNobodyListens) {
  door_->Stop(std::chrono::milliseconds(0));
  ClientOptions options;
  options.timeout = std::chrono::milliseconds(2000);
  auto client = PubsubClient::Create(absl::StrCat("127.0.0.1:", port_), options);
  EXPECT_TRUE(absl::IsUnavailable(client->EnsureTopic(kTopic)));
}

}  // namespace
}  // namespace afluente::broker::wire
