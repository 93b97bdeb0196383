#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/broker_harness.h"
#include "broker/faults/faulty_publisher.h"
#include "broker/faults/faulty_subscriptions.h"

namespace afluente::broker::faults {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class FaultsTest : public testing::Test {
 protected:
  FaultsTest() {
    harness_.CreateTopic();
    harness_.Subscribe();
  }

  void Put(FaultKind kind, std::optional<uint64_t> count, milliseconds delay = milliseconds(0),
           bool on_topic = false) {
    Fault fault;
    (on_topic ? fault.topic : fault.subscription) = on_topic ? kTopic : kSubscription;
    fault.kind = kind;
    fault.count = count;
    fault.delay = delay;
    ASSERT_TRUE(faults_.Put("it", fault).ok());
  }
  void Settle() {
    delays_.RunDue();
    harness_.Settle();
  }
  std::shared_ptr<BrokerHarness::Answer> Next(Consumer& consumer) {
    auto answer = harness_.Next(consumer);
    Settle();
    return answer;
  }
  std::unique_ptr<Consumer> Open() { return *subscriptions_.OpenConsumer(kSubscription, {}); }

  BrokerHarness harness_;
  Faults faults_;
  Delays delays_{harness_.clock()};
  FaultyPublisher publisher_{harness_.broker(), faults_, delays_};
  FaultySubscriptions subscriptions_{harness_.broker(), faults_, delays_};
};

TEST_F(FaultsTest, ADuplicateIsDeliveredTwiceAsOftenAsCounted) {
  Put(FaultKind::kDuplicate, 1);
  ASSERT_TRUE(harness_.PublishTexts({"a", "b"}).ok());
  auto consumer = Open();
  EXPECT_THAT(Next(*consumer)->texts(), ElementsAre("a", "a", "b"));
  EXPECT_EQ(faults_.List().at("it").struck, 1);
}

TEST_F(FaultsTest, ADelayHoldsTheAnswerByTheClock) {
  Put(FaultKind::kDelay, 1, seconds(2));
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  auto consumer = Open();
  auto answer = Next(*consumer);
  harness_.Advance(milliseconds(1999));
  Settle();
  EXPECT_FALSE(answer->value.has_value());
  harness_.Advance(milliseconds(1));
  Settle();
  EXPECT_THAT(answer->texts(), ElementsAre("a"));
}

TEST_F(FaultsTest, WhatIsHeldIsGivenBackWhenTheConsumerCloses) {
  Put(FaultKind::kDelay, 1, seconds(2));
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  auto consumer = Open();
  auto answer = Next(*consumer);
  consumer->Close();
  ASSERT_TRUE(answer->value.has_value());
  EXPECT_TRUE(absl::IsCancelled(answer->value->status()));
  Settle();
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(FaultsTest, ANackedMessageComesLater) {
  Put(FaultKind::kNack, 2);
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  auto consumer = Open();
  auto answer = Next(*consumer);
  EXPECT_FALSE(answer->value.has_value());
  for (int i = 0; i < 2; ++i) {
    harness_.Advance(milliseconds(10));
    Settle();
  }
  EXPECT_THAT(answer->texts(), ElementsAre("a"));
  EXPECT_EQ(faults_.List().at("it").struck, 2);
}

TEST_F(FaultsTest, UnavailableRefusesDeliveriesAndAcks) {
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  auto consumer = Open();
  auto ids = Next(*consumer)->ack_ids();
  Put(FaultKind::kUnavailable, 2);
  EXPECT_TRUE(absl::IsUnavailable(Next(*consumer)->value->status()));
  absl::Status acked;
  const auto ack = [&] {
    subscriptions_.Acknowledge(kSubscription, ids, [&](const absl::Status& s) { acked = s; });
    harness_.Settle();
  };
  ack();
  EXPECT_TRUE(absl::IsUnavailable(acked));
  EXPECT_EQ(harness_.Backlog(), 1);
  ack();
  EXPECT_TRUE(acked.ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(FaultsTest, PublishesAreRefusedDoubledOrLate) {
  BrokerHarness::Ids ids = absl::UnknownError("not answered");
  const auto publish = [&] {
    publisher_.Publish(kTopic, {Text("a")}, [&](BrokerHarness::Ids answer) { ids = answer; });
    Settle();
  };
  Put(FaultKind::kUnavailable, 1, milliseconds(0), /*on_topic=*/true);
  publish();
  EXPECT_TRUE(absl::IsUnavailable(ids.status()));
  EXPECT_EQ(harness_.Backlog(), 0);
  Put(FaultKind::kDuplicate, 1, milliseconds(0), /*on_topic=*/true);
  publish();
  EXPECT_TRUE(ids.ok());
  EXPECT_EQ(harness_.Backlog(), 2);
  Put(FaultKind::kDelay, 1, seconds(1), /*on_topic=*/true);
  publish();
  EXPECT_EQ(harness_.Backlog(), 2);
  harness_.Advance(seconds(1));
  Settle();
  EXPECT_EQ(harness_.Backlog(), 3);
}

TEST_F(FaultsTest, FinishingLeavesNothingWaiting) {
  Put(FaultKind::kDelay, std::nullopt, std::chrono::hours(1), /*on_topic=*/true);
  int answered = 0;
  const auto publish = [&] {
    publisher_.Publish(kTopic, {Text("a")}, [&](auto) { ++answered; });
    Settle();
  };
  publish();
  EXPECT_EQ(answered, 0);
  faults_.Clear();
  delays_.Finish();
  Settle();
  EXPECT_EQ(answered, 1);
  Put(FaultKind::kDelay, std::nullopt, std::chrono::hours(1), /*on_topic=*/true);
  publish();
  EXPECT_EQ(answered, 2);
}

TEST_F(FaultsTest, WhatMakesNoSenseIsRefused) {
  Fault fault;
  fault.kind = FaultKind::kNack;
  EXPECT_FALSE(faults_.Put("x", fault).ok());
  fault.topic = kTopic;
  EXPECT_FALSE(faults_.Put("x", fault).ok());
  fault.topic.clear();
  fault.subscription = kSubscription;
  for (double probability : {0.0, -1.0, 1.5}) {
    fault.probability = probability;
    EXPECT_FALSE(faults_.Put("x", fault).ok()) << probability;
  }
  fault.probability = 1;
  fault.delay = seconds(1);
  EXPECT_FALSE(faults_.Put("x", fault).ok());
  fault.delay = seconds(0);
  EXPECT_TRUE(faults_.Put("x", fault).ok());
  EXPECT_TRUE(faults_.Remove("x"));
  EXPECT_FALSE(faults_.Remove("x"));
  EXPECT_THAT(faults_.List(), IsEmpty());
}

TEST_F(FaultsTest, AProbabilityStrikesSometimes) {
  Fault fault;
  fault.topic = kTopic;
  fault.kind = FaultKind::kUnavailable;
  fault.probability = 0.5;
  ASSERT_TRUE(faults_.Put("x", fault).ok());
  int struck = 0;
  for (int i = 0; i < 1000; ++i)
    struck += faults_.Strike(kTopic, {FaultKind::kUnavailable}) ? 1 : 0;
  // 16 standard deviations off on either side.
  EXPECT_GT(struck, 250);
  EXPECT_LT(struck, 750);
  EXPECT_FALSE(faults_.Strike("projects/p/topics/other", {FaultKind::kUnavailable}));
}

}  // namespace
}  // namespace afluente::broker::faults
