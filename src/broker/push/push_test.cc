#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "broker/broker_harness.h"
#include "broker/push/push_request.h"
#include "broker/push/push_service.h"
#include "broker/push/push_window.h"
#include "http/connection_pool.h"

namespace afluente::broker::push {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Keeps what is sent until the test answers it.
class FakePool final : public http::ConnectionPool {
 public:
  struct Sent {
    http::OutgoingRequest request;
    milliseconds timeout;
    Answered done;
  };

  void Send(http::OutgoingRequest request, milliseconds timeout, Answered done) override {
    sent_.push_back({std::move(request), timeout, std::move(done)});
  }
  std::deque<Sent>& sent() { return sent_; }
  void Answer(absl::StatusOr<http::Response> answer) {
    Sent first = std::move(sent_.front());
    sent_.pop_front();
    first.done(std::move(answer));
  }
  void AnswerAll(int status) {
    for (size_t count = sent_.size(); count > 0; --count) Answer(http::Response{status, {}, ""});
  }
  std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const Sent& each : sent_) all.push_back(each.request.body);
    return all;
  }

 private:
  std::deque<Sent> sent_;
};

class PushTest : public testing::Test {
 protected:
  PushTest() {
    harness_.CreateTopic();
    service_.Start(/*thread=*/false);
  }

  static SubscriptionSettings PushTo(const std::string& endpoint) {
    SubscriptionSettings settings;
    settings.name = kSubscription;
    settings.topic = kTopic;
    settings.push = PushConfig{endpoint, {}, {}, /*wrapped=*/false, /*write_metadata=*/false};
    return settings;
  }

  void Settle() {
    for (int i = 0; i < 3; ++i) {
      service_.RunDue();
      harness_.Settle();
    }
  }
  void Publish(const std::vector<std::string>& texts) {
    ASSERT_TRUE(harness_.PublishTexts(texts).ok());
    Settle();
  }
  void Answer(int status) {
    pool_.AnswerAll(status);
    Settle();
  }
  void Advance(milliseconds by) {
    harness_.Advance(by);
    Settle();
  }

  BrokerHarness harness_;
  FakePool pool_;
  PushService service_{harness_.broker(), harness_.broker(), pool_, harness_.clock(),
                       [](const OidcToken& token, std::string_view endpoint) {
                         return token.service_account_email + " for " + std::string(endpoint);
                       }};
};

TEST_F(PushTest, AnAckedMessageIsDoneAndAnotherStatusBringsItAgainAfterAPause) {
  harness_.Subscribe(PushTo("http://here/"));
  Publish({"m"});
  ASSERT_THAT(pool_.bodies(), ElementsAre("m"));
  EXPECT_EQ(pool_.sent().front().request.url, "http://here/");
  EXPECT_EQ(pool_.sent().front().timeout, seconds(10));
  Answer(500);
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  Advance(milliseconds(99));
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  Advance(milliseconds(1));
  ASSERT_THAT(pool_.bodies(), ElementsAre("m"));
  Answer(204);
  EXPECT_EQ(harness_.Backlog(), 0);
  Advance(seconds(60));
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  const auto stats = service_.Stats();
  ASSERT_EQ(stats.size(), 1);
  EXPECT_EQ(stats[0].requests.at({"remote_server_5xx", 500}), 1);
  EXPECT_EQ(stats[0].requests.at({"ack", 204}), 1);
}

TEST_F(PushTest, AFailedMessageWaitsForThePauseThoughMoreIsAskedFor) {
  harness_.Subscribe(PushTo("http://here/"));
  Publish({"1"});
  pool_.Answer(http::Response{500, {}, ""});
  harness_.Settle();  // before the pusher's turn
  Settle();
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  Advance(milliseconds(100));
  EXPECT_THAT(pool_.bodies(), ElementsAre("1"));
}

TEST_F(PushTest, TheWindowGrowsWithSuccess) {
  harness_.Subscribe(PushTo("http://here/"));
  Publish(std::vector<std::string>(40, "m"));
  EXPECT_EQ(pool_.sent().size(), 3);
  Answer(200);
  EXPECT_EQ(pool_.sent().size(), 6);
  Answer(200);
  EXPECT_EQ(pool_.sent().size(), 12);
}

TEST_F(PushTest, OneMessageOfAKeyIsUnderWayAndAFailedOneComesBeforeTheNext) {
  SubscriptionSettings settings = PushTo("http://here/");
  settings.enable_message_ordering = true;
  harness_.Subscribe(settings);
  ASSERT_TRUE(harness_.Publish({Text("a1", "a"), Text("a2", "a"), Text("b1", "b")}).ok());
  Settle();
  EXPECT_THAT(pool_.bodies(), ElementsAre("a1", "b1"));
  pool_.Answer(http::Response{503, {}, ""});
  pool_.Answer(http::Response{200, {}, ""});
  Settle();
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  Advance(milliseconds(100));
  EXPECT_THAT(pool_.bodies(), ElementsAre("a1"));
  Answer(200);
  EXPECT_THAT(pool_.bodies(), ElementsAre("a2"));
}

TEST_F(PushTest, PullAndPushChangeWhileMessagesWait) {
  SubscriptionSettings settings = PushTo("http://one/");
  settings.push.reset();
  harness_.Subscribe(settings);
  Publish({"m"});
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  ASSERT_TRUE(harness_.broker().UpdateSubscription(PushTo("http://one/")).ok());
  Settle();
  ASSERT_THAT(pool_.bodies(), ElementsAre("m"));
  ASSERT_TRUE(harness_.broker().UpdateSubscription(PushTo("http://two/")).ok());
  Answer(500);
  Advance(milliseconds(100));
  ASSERT_THAT(pool_.bodies(), ElementsAre("m"));
  EXPECT_EQ(pool_.sent().front().request.url, "http://two/");
  ASSERT_TRUE(harness_.broker().UpdateSubscription(settings).ok());
  Answer(500);
  Advance(seconds(60));
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("m"));
}

TEST_F(PushTest, ADeletedSubscriptionIsPushedNoMore) {
  harness_.Subscribe(PushTo("http://here/"));
  Publish({"1", "2", "3", "4"});
  ASSERT_EQ(pool_.sent().size(), 3);
  ASSERT_TRUE(harness_.broker().DeleteSubscription(kSubscription).ok());
  Answer(200);
  EXPECT_THAT(pool_.bodies(), IsEmpty());
  EXPECT_THAT(service_.Stats(), IsEmpty());
}

TEST_F(PushTest, CarriesATokenWhenAsked) {
  SubscriptionSettings settings = PushTo("http://here/");
  settings.push->oidc_token = OidcToken{"a@b", ""};
  harness_.Subscribe(settings);
  Publish({"m"});
  ASSERT_EQ(pool_.sent().size(), 1);
  const std::string* header = pool_.sent().front().request.headers.Find("authorization");
  ASSERT_NE(header, nullptr);
  EXPECT_EQ(*header, "Bearer a@b for http://here/");
}

TEST_F(PushTest, StoppingLeavesWhatIsNotAnsweredToTheNextStart) {
  harness_.Subscribe(PushTo("http://here/"));
  Publish({"m"});
  service_.Stop(milliseconds(0));
  pool_.Answer(absl::CancelledError("the pool is closed"));
  EXPECT_EQ(harness_.Backlog(), 1);
}

TEST(PushWindow, PausesDoubleUpToAMinuteAndOneRoundOfFailuresIsOnePause) {
  PushWindow window;
  host::ManualClock clock;
  const auto fail = [&](int pushes) {
    const auto began = clock.Monotonic() + milliseconds(1);
    clock.Advance(milliseconds(2));
    for (int i = 0; i < pushes; ++i) window.Failed(began, clock.Monotonic());
    const auto pause = window.paused_until() - clock.Monotonic();
    clock.Advance(std::chrono::duration_cast<std::chrono::microseconds>(pause));
    return pause;
  };
  EXPECT_EQ(fail(5), milliseconds(100));
  EXPECT_EQ(window.size(), 1);
  EXPECT_EQ(fail(1), milliseconds(200));
  for (int i = 0; i < 10; ++i) fail(1);
  EXPECT_EQ(fail(1), seconds(60));
  for (int i = 0; i < 10; ++i) window.Succeeded();
  EXPECT_EQ(fail(1), milliseconds(100));
  for (int i = 0; i < 5000; ++i) window.Succeeded();
  EXPECT_EQ(window.size(), 1000);
}

Delivered Example() {
  auto message = std::make_shared<event::Message>();
  message->data = std::string("\x00\xff data", 7);
  message->attributes = {
      {"Content-Type", "text/x"}, {"Host", "evil"}, {"bad name", "v"},
      {"eol", "a\r\nX: y"},       {"k", "v"},       {"x-goog-pubsub-message-id", "0"}};
  message->ordering_key = "key";
  message->message_id = "17";
  message->publish_time = host::WallTime(milliseconds(1'614'347'635'749));
  return {"ack", message, 5};
}

TEST(PushRequest, WrapsAsPubsubDoes) {
  const auto request =
      MakePushRequest({"http://e/", {}, {}}, "projects/p/subscriptions/s", Example());
  const auto json = nlohmann::json::parse(request.body);
  EXPECT_EQ(json["deliveryAttempt"], 5);
  EXPECT_EQ(json["subscription"], "projects/p/subscriptions/s");
  const auto& message = json["message"];
  EXPECT_EQ(message["data"], "AP8gZGF0YQ==");
  EXPECT_EQ(message["attributes"].size(), 6);
  for (const char* name : {"messageId", "message_id"}) EXPECT_EQ(message[name], "17");
  for (const char* name : {"publishTime", "publish_time"})
    EXPECT_EQ(message[name], "2021-02-26T13:53:55.749Z");
  EXPECT_EQ(message["orderingKey"], "key");
  EXPECT_EQ(*request.headers.Find("content-type"), "application/json");
}

TEST(PushRequest, UnwrappedIsTheDataAndMetadataIsHeadersThatMayBeHeaders) {
  PushConfig push{"http://e/", {}, {}, /*wrapped=*/false, /*write_metadata=*/false};
  auto request = MakePushRequest(push, "s", Example());
  EXPECT_EQ(request.body, Example().message->data);
  EXPECT_EQ(request.headers.Find("k"), nullptr);
  push.write_metadata = true;
  request = MakePushRequest(push, "s", Example());
  EXPECT_EQ(*request.headers.Find("k"), "v");
  EXPECT_EQ(*request.headers.Find("content-type"), "text/x");
  EXPECT_EQ(*request.headers.Find("x-goog-pubsub-message-id"), "17");
  EXPECT_EQ(*request.headers.Find("x-goog-pubsub-ordering-key"), "key");
  EXPECT_EQ(*request.headers.Find("x-goog-pubsub-publish-time"), "2021-02-26T13:53:55.749Z");
  for (const char* name : {"Host", "bad name", "eol"})
    EXPECT_EQ(request.headers.Find(name), nullptr);
}

}  // namespace
}  // namespace afluente::broker::push
