#include <gtest/gtest.h>

#include <future>

#include "function/memory_warehouse.h"
#include "function/push/push_door.h"
#include "function/push/push_function.h"
#include "function/push/pushed_message.h"
#include "host/manual_clock.h"
#include "host/worker_pool.h"
#include "telemetry/metrics.h"

namespace afluente::function::push {
namespace {

using schema::Value;
using std::chrono::seconds;

TEST(PushedMessageTest, AWholeBodyIsRead) {
  const auto pushed = ReadPushedMessage(R"({
    "message": {"data": "eyJhIjogMX0=", "attributes": {"k": "v", "a": ""}, "messageId": "7",
                "message_id": "7", "publishTime": "2026-11-24T10:00:00.123456Z",
                "orderingKey": "o"},
    "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 3})");
  ASSERT_TRUE(pushed.ok()) << pushed.status();
  EXPECT_EQ(pushed->message.data, R"({"a": 1})");
  EXPECT_EQ(pushed->message.message_id, "7");
  EXPECT_EQ(pushed->message.ordering_key, "o");
  EXPECT_EQ(pushed->message.publish_time.time_since_epoch().count() % 1'000'000, 123'456);
  EXPECT_EQ(pushed->message.attributes, (event::Attributes{{"a", ""}, {"k", "v"}}));
  EXPECT_EQ(pushed->delivery_attempt, 3);
}

TEST(PushedMessageTest, WhatIsMissingOrWrongIsNamed) {
  const auto error = [](std::string_view body) {
    return std::string(ReadPushedMessage(body).status().message());
  };
  EXPECT_EQ(error("["), "body: expected a JSON object");
  EXPECT_EQ(error("{}"), "message: expected an object");
  EXPECT_EQ(error(R"({"message": {}})"), "message.messageId: expected an id");
  EXPECT_EQ(error(R"({"message": {"messageId": 7}})"), "message.messageId: expected a string");
  EXPECT_EQ(error(R"({"message": {"messageId": "7", "data": "%"}})"),
            "message.data: expected base64");
  EXPECT_EQ(error(R"({"message": {"messageId": "7", "publishTime": "now"}})"),
            "message.publishTime: expected an RFC 3339 time");
  EXPECT_EQ(error(R"({"message": {"messageId": "7", "publishTime": "2026-11-24T10:00:00Z",
                      "attributes": {"k": 1}}})"),
            "message.attributes.k: expected a string");
}

// A row of the message's data; "drop", "bad" and "again" say what becomes of it instead.
class ByText final : public Transform {
 public:
  std::vector<Decision> Run(std::vector<Attempt> attempts) override {
    std::vector<Decision> decisions;
    for (Attempt& attempt : attempts) {
      const std::string data = attempt.message->data;
      decisions.push_back({std::move(attempt), OutcomeOf(data)});
    }
    return decisions;
  }

 private:
  static Outcome OutcomeOf(const std::string& data) {
    if (data == "drop") return Outcome::Dropped();
    if (data == "bad") return Outcome::Failed("a: expected INT64");
    if (data == "again") return Outcome::AttemptFailed("no answer");
    return Outcome::Rows({{Value(data)}});
  }
};

class PushFunctionTest : public testing::Test {
 protected:
  PushFunctionTest() { settings_.name = "store"; }
  ~PushFunctionTest() override {
    if (function_) function_->Stop(seconds(60));
  }

  PushFunction& Function() {
    if (!function_) {
      function_ = std::make_unique<PushFunction>(settings_, std::make_unique<ByText>(), warehouse_,
                                                 clock_, metrics_);
    }
    return *function_;
  }
  std::future<absl::Status> Push(const std::string& data, int64_t attempt = 1) {
    PushedMessage pushed;
    pushed.message.data = data;
    pushed.message.message_id = "id-" + data;
    pushed.delivery_attempt = attempt;
    auto answered = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> answer = answered->get_future();
    Function().Accept(std::move(pushed),
                      [answered](absl::Status status) { answered->set_value(std::move(status)); });
    return answer;
  }

  PushSettings settings_;
  host::ManualClock clock_;
  telemetry::Metrics metrics_;
  MemoryWarehouse warehouse_;
  std::unique_ptr<PushFunction> function_;
};

TEST_F(PushFunctionTest, EachMessageIsAnsweredWhenItsOutcomeIsStored) {
  auto stored = Push("x"), dropped = Push("drop"), dead = Push("bad"), again = Push("again", 4);
  Function().Start();
  EXPECT_TRUE(stored.get().ok());
  EXPECT_TRUE(dropped.get().ok());
  EXPECT_TRUE(dead.get().ok());
  EXPECT_TRUE(absl::IsUnavailable(again.get()));
  EXPECT_EQ(warehouse_.RowIds(), (std::vector<std::string>{"id-x"}));
  ASSERT_EQ(warehouse_.dead_letters().size(), 1u);
  EXPECT_EQ(warehouse_.dead_letters()[0].error, "a: expected INT64");
}

TEST_F(PushFunctionTest, TheLastAttemptIsADeadLetter) {
  auto last = Push("again", 5);
  Function().Start();
  EXPECT_TRUE(last.get().ok());
  ASSERT_EQ(warehouse_.dead_letters().size(), 1u);
  EXPECT_EQ(warehouse_.dead_letters()[0].attempts, 5);
}

TEST_F(PushFunctionTest, AWarehouseThatIsAwayAsksForAnotherDelivery) {
  warehouse_.Refuse(1);
  auto first = Push("x");
  Function().Start();
  EXPECT_TRUE(absl::IsUnavailable(first.get()));
  EXPECT_TRUE(Push("x").get().ok());
}

TEST_F(PushFunctionTest, ARowThatTheTableRefusesDoesNotHarmItsNeighbours) {
  warehouse_.Poison(Value(std::string("poison")));
  auto one = Push("x"), guilty = Push("poison"), two = Push("y");
  Function().Start();
  EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(guilty.get().ok());
  EXPECT_TRUE(two.get().ok());
  EXPECT_EQ(warehouse_.RowIds().size(), 2u);
  ASSERT_EQ(warehouse_.dead_letters().size(), 1u);
  EXPECT_EQ(warehouse_.dead_letters()[0].message.message_id, "id-poison");
}

TEST_F(PushFunctionTest, WhatDoesNotFitIsRefusedByName) {
  settings_.unanswered_max = 2;
  auto one = Push("x"), two = Push("y");
  EXPECT_TRUE(absl::IsResourceExhausted(Push("z").get()));
  Function().Start();
  EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(two.get().ok());
}

TEST_F(PushFunctionTest, MessagesThatTheFilterLeavesOutAreAnsweredAtOnce) {
  settings_.filter = *event::Filter::Parse("attributes.kind = \"action\"");
  EXPECT_TRUE(Push("x").get().ok());
  EXPECT_TRUE(warehouse_.RowIds().empty());
}

TEST_F(PushFunctionTest, AStopAnswersWhatWasAccepted) {
  auto one = Push("x");
  Function().Start();
  Function().Stop(seconds(60));
  EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(absl::IsUnavailable(Push("y").get()));
}

class PushDoorTest : public PushFunctionTest {
 protected:
  int Post(const std::string& body, const std::string& token = "") {
    http::Request request;
    request.method = "POST";
    request.path = "/";
    request.body = body;
    if (!token.empty()) request.headers.Add("Authorization", "Bearer " + token);
    std::promise<int> answered;
    PushDoor(Function(), check_, workers_)(
        std::move(request),
        [&answered](http::Response response) { answered.set_value(response.status); });
    return answered.get_future().get();
  }
  static constexpr char kPush[] =
      R"({"message": {"messageId": "1", "data": "eA==", "publishTime": "2026-11-24T10:00:00Z"}})";

  CheckToken check_;
  host::WorkerPool workers_{2, 16};
};

TEST_F(PushDoorTest, APushIsAcknowledgedAndAnythingElseIsNot) {
  Function().Start();
  EXPECT_EQ(Post(kPush), 204);
  EXPECT_EQ(Post("{}"), 400);
  warehouse_.Refuse(1);
  EXPECT_EQ(Post(kPush), 503);
}

TEST_F(PushDoorTest, WithoutAGoodTokenNothingIsRead) {
  check_ = [](const std::string& token) {
    return token == "good" ? absl::OkStatus() : absl::UnauthenticatedError("no");
  };
  Function().Start();
  EXPECT_EQ(Post(kPush), 401);
  EXPECT_EQ(Post(kPush, "bad"), 401);
  EXPECT_TRUE(warehouse_.RowIds().empty());
  EXPECT_EQ(Post(kPush, "good"), 204);
}

}  // namespace
}  // namespace afluente::function::push
