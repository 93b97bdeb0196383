#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "broker/wire/door_fixture.h"
#include "gmock/gmock.h"

namespace afluente::broker::wire {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;

// One StreamingPull call of a client.
struct Stream {
  explicit Stream(pubsub::Subscriber::Stub& stub) : call(stub.StreamingPull(&context)) {}

  bool Open(int64_t messages_max = 0) {
    pubsub::StreamingPullRequest request;
    request.set_subscription(kSubscription);
    request.set_stream_ack_deadline_seconds(10);
    request.set_client_id("test");
    request.set_max_outstanding_messages(messages_max);
    request.set_protocol_version(1);
    return call->Write(request);
  }
  // Reads to the end and gives the status.
  grpc::Status End() {
    pubsub::StreamingPullResponse response;
    while (call->Read(&response)) {
    }
    return call->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<
      grpc::ClientReaderWriter<pubsub::StreamingPullRequest, pubsub::StreamingPullResponse>>
      call;
};

class StreamingPullTest : public DoorTest {
 protected:
  StreamingPullTest() {
    EXPECT_TRUE(CreateTopic().ok());
    EXPECT_TRUE(CreateSubscription().ok());
  }
  // The status of a stream whose requests are these.
  grpc::Status StatusAfter(const std::vector<pubsub::StreamingPullRequest>& requests) {
    Stream stream(*subscriber_);
    for (const auto& request : requests) stream.call->Write(request);
    return stream.End();
  }
  // Each response that comes up to the one with `last`.
  static std::vector<pubsub::StreamingPullResponse> ReadUpTo(Stream& stream,
                                                             const std::string& last) {
    std::vector<pubsub::StreamingPullResponse> responses(1);
    while (stream.call->Read(&responses.back())) {
      for (const auto& each : responses.back().received_messages()) {
        if (each.message().data() == last) return responses;
      }
      responses.emplace_back();
    }
    ADD_FAILURE() << "The stream ended before " << last;
    return responses;
  }
  static pubsub::StreamingPullRequest First() {
    pubsub::StreamingPullRequest request;
    request.set_subscription(kSubscription);
    request.set_stream_ack_deadline_seconds(10);
    return request;
  }
};

// Google's clients take an answer that does not say it for one that says no.
TEST_F(StreamingPullTest, EachAnswerSaysThatMessagesAreOrdered) {
  broker_.SetOrdered(true);
  Stream stream(*subscriber_);
  ASSERT_TRUE(stream.Open(500));
  for (const char* text : {"a", "b", "c"}) {
    ASSERT_TRUE(Publish({text}).ok());
    for (const auto& response : ReadUpTo(stream, text))
      EXPECT_TRUE(response.subscription_properties().message_ordering_enabled()) << text;
  }
}

TEST_F(StreamingPullTest, DeliversInBatchesAndTakesAcks) {
  Stream stream(*subscriber_);
  ASSERT_TRUE(stream.Open(500));
  ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
  EXPECT_EQ(broker_.last_consumer().ack_deadline.count(), 10);
  EXPECT_EQ(broker_.last_consumer().outstanding_messages_max, 500);
  ASSERT_TRUE(Publish({"a", "b", "c"}).ok());
  pubsub::StreamingPullResponse response;
  ASSERT_TRUE(stream.call->Read(&response));
  EXPECT_TRUE(response.has_subscription_properties());
  // The first message may come alone: it was there first.
  std::vector<std::string> data;
  std::vector<std::string> ack_ids;
  auto take = [&] {
    for (const auto& received : response.received_messages()) {
      data.push_back(received.message().data());
      ack_ids.push_back(received.ack_id());
    }
    return data.size() < 3;
  };
  while (take()) {
    ASSERT_TRUE(stream.call->Read(&response));
    EXPECT_FALSE(response.has_subscription_properties());
  }
  EXPECT_EQ(data, (std::vector<std::string>{"a", "b", "c"}));
  pubsub::StreamingPullRequest request;
  request.add_ack_ids(ack_ids[0]);
  request.add_modify_deadline_ack_ids(ack_ids[1]);
  request.add_modify_deadline_seconds(30);
  request.add_modify_deadline_ack_ids(ack_ids[2]);
  request.add_modify_deadline_seconds(0);
  ASSERT_TRUE(stream.call->Write(request));
  ASSERT_TRUE(stream.call->WritesDone());
  EXPECT_TRUE(stream.End().ok());
  EXPECT_EQ(broker_.acknowledged(), (std::set<std::string>{"ack-1"}));
  EXPECT_EQ(broker_.deadlines(),
            (std::vector<std::pair<std::string, int64_t>>{{"ack-3", 0}, {"ack-2", 30}}));
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
}

TEST_F(StreamingPullTest, AChangedDeadlineHoldsForWhatFollows) {
  Stream stream(*subscriber_);
  ASSERT_TRUE(stream.Open());
  pubsub::StreamingPullRequest request;
  request.set_stream_ack_deadline_seconds(60);
  request.add_ack_ids("marker");
  ASSERT_TRUE(stream.call->Write(request));
  ASSERT_TRUE(broker_.AwaitAcknowledged("marker"));
  ASSERT_TRUE(Publish({"a"}).ok());
  pubsub::StreamingPullResponse response;
  ASSERT_TRUE(stream.call->Read(&response));
  stream.call->WritesDone();
  EXPECT_TRUE(stream.End().ok());
  EXPECT_EQ(broker_.deadlines(), (std::vector<std::pair<std::string, int64_t>>{{"ack-1", 60}}));
}

// Clients of protocol version 1 reconnect when their pings are not answered.
TEST_F(StreamingPullTest, AnswersPings) {
  Stream stream(*subscriber_);
  pubsub::StreamingPullRequest first = First();
  first.set_protocol_version(1);
  ASSERT_TRUE(stream.call->Write(first));
  pubsub::StreamingPullResponse response;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream.call->Write(pubsub::StreamingPullRequest()));
    ASSERT_TRUE(stream.call->Read(&response));
    EXPECT_EQ(response.ByteSizeLong(), 0u);
    ASSERT_TRUE(Publish({"a"}).ok());
    ASSERT_TRUE(stream.call->Read(&response));
    EXPECT_EQ(response.received_messages_size(), 1);
  }
  stream.call->WritesDone();
  EXPECT_TRUE(stream.End().ok());
}

TEST_F(StreamingPullTest, RefusesBadRequestsAsGoogle) {
  pubsub::StreamingPullRequest unnamed = First();
  unnamed.clear_subscription();
  EXPECT_EQ(StatusAfter({unnamed}).error_code(), StatusCode::INVALID_ARGUMENT);
  pubsub::StreamingPullRequest unknown = First();
  unknown.set_subscription("projects/p/subscriptions/none");
  EXPECT_EQ(StatusAfter({unknown}).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(StatusAfter({First(), First()}).error_code(), StatusCode::INVALID_ARGUMENT);
  for (int deadline : {-1, 9, 601}) {
    pubsub::StreamingPullRequest bad = First();
    bad.set_stream_ack_deadline_seconds(deadline);
    EXPECT_THAT(StatusAfter({bad}).error_message(), HasSubstr("stream_ack_deadline_seconds"));
  }
  pubsub::StreamingPullRequest later;
  later.set_protocol_version(1);
  EXPECT_THAT(StatusAfter({First(), later}).error_message(), HasSubstr("protocol_version"));
  pubsub::StreamingPullRequest uneven;
  uneven.add_modify_deadline_ack_ids("x");
  EXPECT_EQ(StatusAfter({First(), uneven}).error_code(), StatusCode::INVALID_ARGUMENT);
  uneven.add_modify_deadline_seconds(601);
  EXPECT_EQ(StatusAfter({First(), uneven}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
}

TEST_F(StreamingPullTest, HalfCloseEndsWellAtEachStage) {
  for (int stage = 0; stage < 3; ++stage) {
    Stream stream(*subscriber_);
    if (stage >= 1) {
      ASSERT_TRUE(stream.Open());
      ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
    }
    if (stage >= 2) {
      ASSERT_TRUE(Publish({"a"}).ok());
      pubsub::StreamingPullResponse response;
      ASSERT_TRUE(stream.call->Read(&response));
    }
    ASSERT_TRUE(stream.call->WritesDone());
    EXPECT_TRUE(stream.End().ok()) << stage;
    EXPECT_TRUE(broker_.queues().AwaitConsumers(0)) << stage;
  }
}

TEST_F(StreamingPullTest, CancelFreesTheConsumerAtEachStage) {
  for (int stage = 0; stage < 4; ++stage) {
    Stream stream(*subscriber_);
    if (stage >= 1) stream.Open();
    if (stage >= 2) {
      ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
    }
    // More than flow control lets through: a write is under way when the cancel comes.
    for (int i = 0; stage >= 3 && i < 20; ++i) {
      ASSERT_TRUE(Publish({std::string(1 << 20, 'x')}).ok());
    }
    stream.context.TryCancel();
    EXPECT_EQ(stream.End().error_code(), StatusCode::CANCELLED) << stage;
    EXPECT_TRUE(broker_.queues().AwaitConsumers(0)) << stage;
  }
  ExpectAlive();
}

TEST_F(StreamingPullTest, EndsWhenTheSubscriptionGoes) {
  Stream stream(*subscriber_);
  ASSERT_TRUE(stream.Open());
  ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
  ASSERT_TRUE(broker_.queues().AwaitWaiting());
  ASSERT_TRUE(broker_.DeleteSubscription(kSubscription).ok());
  EXPECT_EQ(stream.End().error_code(), StatusCode::NOT_FOUND);
}

TEST_F(StreamingPullTest, StopEndsStreamsAndPullsWithUnavailable) {
  Stream idle(*subscriber_);
  ASSERT_TRUE(idle.Open());
  ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
  ASSERT_TRUE(broker_.queues().AwaitWaiting());
  grpc::Status pull_status;
  std::thread pull([&] {
    grpc::ClientContext context;
    pubsub::PullRequest request;
    request.set_subscription(kSubscription);
    request.set_max_messages(1);
    pubsub::PullResponse response;
    pull_status = subscriber_->Pull(&context, request, &response);
  });
  ASSERT_TRUE(broker_.queues().AwaitConsumers(2));
  // A stream that has not said its subscription yet: the grace ends it.
  Stream silent(*subscriber_);
  door_->Stop(std::chrono::milliseconds(200));
  EXPECT_EQ(idle.End().error_code(), StatusCode::UNAVAILABLE);
  pull.join();
  EXPECT_EQ(pull_status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_FALSE(silent.End().ok());
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
}

TEST_F(StreamingPullTest, StopDoesNotWaitForAClientThatDoesNotRead) {
  Stream stream(*subscriber_);
  ASSERT_TRUE(stream.Open());
  ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Publish({std::string(1 << 20, 'x')}).ok());
  door_->Stop(std::chrono::milliseconds(50));
  EXPECT_FALSE(stream.End().ok());
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
}

TEST_F(StreamingPullTest, TwoHundredStreamsOpenAndClose) {
  constexpr size_t kStreams = 200;
  auto other = pubsub::Subscriber::NewStub(NewChannel());
  std::vector<std::unique_ptr<Stream>> streams;
  for (size_t i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<Stream>(i % 2 == 0 ? *subscriber_ : *other));
    ASSERT_TRUE(streams.back()->Open());
  }
  ASSERT_TRUE(broker_.queues().AwaitConsumers(kStreams));
  for (size_t i = 0; i < kStreams; ++i) {
    if (i % 3 == 0)
      streams[i]->context.TryCancel();
    else
      streams[i]->call->WritesDone();
  }
  for (size_t i = 0; i < kStreams; ++i)
    EXPECT_EQ(streams[i]->End().error_code(), i % 3 == 0 ? StatusCode::CANCELLED : StatusCode::OK);
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
}

TEST_F(StreamingPullTest, SurvivesRandomEnds) {
  const char* given = std::getenv("AFLUENTE_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu (replay with AFLUENTE_TEST_SEED)\n",
              static_cast<unsigned long long>(seed));
  std::atomic<bool> stop{false};
  std::thread publishing([&] {
    while (!stop) (void)Publish({"a", std::string(1'000, 'b')});
  });
  std::vector<std::thread> subscribers;
  for (int n = 0; n < 4; ++n)
    subscribers.emplace_back([&, n] {
      std::mt19937_64 random(seed + n);
      for (int round = 0; round < 60; ++round) {
        Stream stream(*subscriber_);
        const bool opened = random() % 8 != 0 && stream.Open();
        pubsub::StreamingPullResponse response;
        uint64_t reads = opened ? random() % 4 : 0;
        for (; reads > 0 && stream.call->Read(&response); --reads) {
          pubsub::StreamingPullRequest acks;
          for (const auto& message : response.received_messages())
            acks.add_ack_ids(message.ack_id());
          stream.call->Write(acks);
          if (random() % 2 == 0) stream.call->Write(pubsub::StreamingPullRequest());
        }
        if (random() % 2 == 0)
          stream.context.TryCancel();
        else
          stream.call->WritesDone();
        stream.End();
      }
    });
  for (auto& subscriber : subscribers) subscriber.join();
  stop = true;
  publishing.join();
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
  ExpectAlive();
}

}  // namespace
}  // namespace afluente::broker::wire
