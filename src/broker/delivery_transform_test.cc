// Messages that are transformed on their way to a consumer.
#include "broker/delivery_transform.h"

#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Drops "drop...", fails on "fail..." while told to, and shouts the rest.
class Shouting final : public DeliveryTransform, public DeliveryTransforms {
 public:
  std::shared_ptr<DeliveryTransform> Make(
      const std::vector<MessageTransform>& transforms) override {
    if (transforms.empty() || transforms[0].disabled) return nullptr;
    return {std::shared_ptr<void>(), this};
  }
  absl::StatusOr<SharedMessage> Transform(const SharedMessage& message) override {
    ++calls;
    if (message->data.starts_with("drop")) return SharedMessage();
    if (message->data.starts_with("fail") && fails) return absl::InternalError("thrown");
    auto copy = std::make_shared<event::Message>(*message);
    copy->data += "!";
    return SharedMessage(copy);
  }
  bool fails = true;
  int calls = 0;
};

class Transformed : public ::testing::Test {
 protected:
  Transformed() : harness_(Options()) {
    harness_.CreateTopic();
    harness_.CreateTopic("projects/p/topics/dead");
    settings_.name = kSubscription;
    settings_.topic = kTopic;
    settings_.enable_message_ordering = true;
    settings_.transforms = {{"f", "function f(message) { return message; }", false}};
  }
  EmbeddedBroker::Options Options() {
    EmbeddedBroker::Options options;
    options.transforms = &shouting_;
    return options;
  }
  // What a consumer that waits a little gets.
  std::vector<std::string> Texts() {
    auto consumer = harness_.Open();
    auto answer = harness_.Next(*consumer);
    last_ack_ids_ = answer->ack_ids();
    return answer->texts();
  }
  SubscriptionSettings settings_;
  Shouting shouting_;
  BrokerHarness harness_;
  std::vector<std::string> last_ack_ids_;
};

TEST_F(Transformed, ACopyIsDeliveredAndAckedAsTheOriginal) {
  harness_.Subscribe(settings_);
  ASSERT_TRUE(harness_.PublishTexts({"a", "b"}).ok());
  EXPECT_THAT(Texts(), ElementsAre("a!", "b!"));
  ASSERT_TRUE(harness_.Ack(last_ack_ids_).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Transformed, WhatItDropsIsAckedUnseen) {
  harness_.Subscribe(settings_);
  ASSERT_TRUE(harness_.PublishTexts({"drop1", "drop2"}).ok());
  EXPECT_THAT(Texts(), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Transformed, ADropThatTheDiskRefusesIsTriedAgain) {
  harness_.Subscribe(settings_);
  ASSERT_TRUE(harness_.PublishTexts({"drop"}).ok());
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_THAT(Texts(), IsEmpty());
  harness_.journal().Refuse(absl::OkStatus());
  EXPECT_EQ(harness_.Backlog(), 1);
  harness_.Advance(seconds(10));
  EXPECT_THAT(Texts(), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Transformed, AFailureWaitsAndTakesItsKeyAlong) {
  harness_.Subscribe(settings_);
  ASSERT_TRUE(
      harness_.Publish({Text("a1", "a"), Text("fail", "a"), Text("a3", "a"), Text("x")}).ok());
  EXPECT_THAT(Texts(), ElementsAre("a1!", "x!"));
  ASSERT_TRUE(harness_.Ack(last_ack_ids_).ok());
  int calls = shouting_.calls;
  EXPECT_THAT(Texts(), IsEmpty());
  EXPECT_EQ(shouting_.calls, calls);
  shouting_.fails = false;
  harness_.Advance(seconds(1));
  EXPECT_THAT(Texts(), ElementsAre("fail!", "a3!"));
}

TEST_F(Transformed, WhatAlwaysFailsBecomesADeadLetterUntransformed) {
  settings_.dead_letter_policy = DeadLetterPolicy{"projects/p/topics/dead", 5};
  harness_.Subscribe(settings_);
  SubscriptionSettings dead;
  dead.name = "projects/p/subscriptions/dead";
  dead.topic = "projects/p/topics/dead";
  harness_.Subscribe(dead);
  ASSERT_TRUE(harness_.PublishTexts({"fail"}).ok());
  auto consumer = harness_.Open();
  auto waiting = harness_.Next(*consumer);
  for (int i = 0; i < 5; ++i) harness_.Advance(seconds(60));
  EXPECT_FALSE(waiting->value);
  EXPECT_EQ(shouting_.calls, 5);
  EXPECT_EQ(harness_.Backlog(), 0);
  EXPECT_THAT(harness_.Pull(10, dead.name).texts(), ElementsAre("fail"));
}

TEST_F(Transformed, AnUpdateChangesIt) {
  harness_.Subscribe(settings_);
  settings_.transforms[0].disabled = true;
  ASSERT_TRUE(harness_.broker().UpdateSubscription(settings_).ok());
  ASSERT_TRUE(harness_.PublishTexts({"drop"}).ok());
  EXPECT_THAT(Texts(), ElementsAre("drop"));
}

}  // namespace
}  // namespace afluente::broker
