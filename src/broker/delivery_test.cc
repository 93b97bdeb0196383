// Leases, flow control, sharing, filters and the ends of subscriptions.
#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Delivery : public ::testing::Test {
 protected:
  Delivery() {
    harness_.CreateTopic();
    harness_.Subscribe();
  }
  BrokerHarness harness_;
};

TEST_F(Delivery, ANackBringsTheMessageBackAtOnce) {
  harness_.PublishTexts({"a", "b"}).status().IgnoreError();
  auto pulled = harness_.Pull(1);
  ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0)).ok());
  EXPECT_THAT(harness_.Pull().texts(), ::testing::UnorderedElementsAre("a", "b"));
}

TEST_F(Delivery, ADeadlineCanBeExtendedAndThenRunsOut) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  harness_.Advance(seconds(9));
  ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(30)).ok());
  harness_.Advance(seconds(29));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  harness_.Advance(seconds(1));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, ADeadlineCanBeShortened) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(2)).ok());
  harness_.Advance(seconds(2));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, DeadlinesOutOfRangeAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.Modify({}, seconds(601))));
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.Modify({}, seconds(-1))));
  auto consumer = harness_.broker().OpenConsumer(kSubscription, {seconds(9), 0, 0});
  EXPECT_TRUE(absl::IsInvalidArgument(consumer.status()));
}

TEST_F(Delivery, AConsumersOwnDeadlineHolds) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto consumer = harness_.Open({seconds(60), 0, 0});
  EXPECT_THAT(harness_.Next(*consumer)->texts(), ElementsAre("a"));
  harness_.Advance(seconds(59));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  harness_.Advance(seconds(1));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, ALateAckCountsAndALateNackDoesNot) {
  harness_.PublishTexts({"a", "b"}).status().IgnoreError();
  auto late = harness_.Pull();
  harness_.Advance(seconds(10));
  auto now = harness_.Pull();
  ASSERT_THAT(now.texts(), ElementsAre("a", "b"));
  ASSERT_TRUE(harness_.Modify({late.ack_ids()[1]}, seconds(0)).ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  ASSERT_TRUE(harness_.Ack({late.ack_ids()[0]}).ok());
  harness_.Advance(seconds(10));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b"));
}

TEST_F(Delivery, UnknownAckIdsAreIgnored) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  EXPECT_TRUE(harness_.Ack({"", "nonsense", "1-1-1", "ffff-1-1", "2-ffffff-1"}).ok());
  EXPECT_EQ(harness_.Backlog(), 1);
  EXPECT_TRUE(harness_.Ack({pulled.ack_ids()[0], pulled.ack_ids()[0]}).ok());
  EXPECT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Delivery, AnAckOfAnEarlierSubscriptionOfTheNameIsIgnored) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto old = harness_.Pull();
  ASSERT_TRUE(harness_.broker().DeleteSubscription(kSubscription).ok());
  harness_.Subscribe();
  harness_.PublishTexts({"b"}).status().IgnoreError();
  ASSERT_TRUE(harness_.Ack(old.ack_ids()).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b"));
}

TEST_F(Delivery, AfterAnAckThatIsNotSyncedTheLeaseRunsOn) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_TRUE(absl::IsUnavailable(harness_.Ack(pulled.ack_ids())));
  harness_.journal().Refuse(absl::OkStatus());
  harness_.Advance(seconds(9));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  harness_.Advance(seconds(1));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, AnAckThatIsRefusedAfterTheDeadlineBringsTheMessageBack) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  harness_.journal().Hold(true);
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_TRUE(absl::IsUnknown(harness_.Ack(pulled.ack_ids())));
  harness_.Advance(seconds(20));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  harness_.journal().Hold(false);
  harness_.Settle();
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, AMessageWhoseAckIsOnItsWayIsNotDelivered) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  harness_.journal().Hold(true);
  EXPECT_TRUE(absl::IsUnknown(harness_.Ack(pulled.ack_ids())));
  harness_.Advance(seconds(100));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  harness_.journal().Hold(false);
  harness_.Settle();
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Delivery, AWaitEndsWhenAMessageComes) {
  auto consumer = harness_.Open();
  auto answer = harness_.Next(*consumer);
  EXPECT_FALSE(answer->value);
  harness_.PublishTexts({"a"}).status().IgnoreError();
  EXPECT_THAT(answer->texts(), ElementsAre("a"));
}

TEST_F(Delivery, AWaitEndsWhenALeaseRunsOut) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  harness_.Pull();
  auto consumer = harness_.Open();
  auto answer = harness_.Next(*consumer);
  EXPECT_FALSE(answer->value);
  harness_.Advance(seconds(10));
  EXPECT_THAT(answer->texts(), ElementsAre("a"));
}

TEST_F(Delivery, AClosedConsumerIsCancelledAndADestroyedOneIsNotAnswered) {
  auto closed = harness_.Open();
  auto first = harness_.Next(*closed);
  closed->Close();
  ASSERT_TRUE(first->value);
  EXPECT_TRUE(absl::IsCancelled(first->value->status()));
  auto again = harness_.Next(*closed);
  EXPECT_TRUE(absl::IsCancelled(again->value->status()));
  auto destroyed = harness_.Open();
  auto second = harness_.Next(*destroyed);
  destroyed = nullptr;
  harness_.PublishTexts({"a"}).status().IgnoreError();
  EXPECT_FALSE(second->value);
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, DeletingTheSubscriptionEndsItsConsumers) {
  auto consumer = harness_.Open();
  auto waiting = harness_.Next(*consumer);
  ASSERT_TRUE(harness_.broker().DeleteSubscription(kSubscription).ok());
  ASSERT_TRUE(waiting->value);
  EXPECT_TRUE(absl::IsNotFound(waiting->value->status()));
  EXPECT_TRUE(absl::IsNotFound(harness_.Next(*consumer)->value->status()));
  EXPECT_TRUE(absl::IsNotFound(harness_.Ack({"1-1-1"})));
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().OpenConsumer(kSubscription, {}).status()));
}

TEST_F(Delivery, FlowControlByMessages) {
  harness_.PublishTexts({"a", "b", "c", "d"}).status().IgnoreError();
  auto consumer = harness_.Open({seconds(0), 3, 0});
  auto first = harness_.Next(*consumer);
  EXPECT_THAT(first->texts(), ElementsAre("a", "b", "c"));
  auto second = harness_.Next(*consumer);
  EXPECT_FALSE(second->value);
  ASSERT_TRUE(harness_.Ack({first->ack_ids()[2]}).ok());
  EXPECT_THAT(second->texts(), ElementsAre("d"));
}

TEST_F(Delivery, FlowControlByBytesLetsALargeMessageGoAlone) {
  harness_.PublishTexts({"small", std::string(500, 'x'), "last"}).status().IgnoreError();
  auto consumer = harness_.Open({seconds(0), 0, 100});
  auto first = harness_.Next(*consumer);
  EXPECT_THAT(first->texts(), ElementsAre("small"));
  auto second = harness_.Next(*consumer);
  EXPECT_FALSE(second->value);
  ASSERT_TRUE(harness_.Ack(first->ack_ids()).ok());
  EXPECT_THAT(second->texts(), ElementsAre(std::string(500, 'x')));
}

TEST_F(Delivery, OneConsumerThatIsFullDoesNotKeepAnotherWaiting) {
  auto full = harness_.Open({seconds(0), 0, 100});
  harness_.PublishTexts({"small"}).status().IgnoreError();
  auto held = harness_.Next(*full);
  auto waiting = harness_.Next(*full);
  auto other = harness_.Open();
  auto answer = harness_.Next(*other);
  harness_.PublishTexts({std::string(500, 'x')}).status().IgnoreError();
  EXPECT_FALSE(waiting->value);
  EXPECT_THAT(answer->texts(), SizeIs(1));
}

TEST_F(Delivery, BytesOfOneAnswerAreBounded) {
  harness_.PublishTexts({std::string(60, 'a'), std::string(60, 'b')}).status().IgnoreError();
  auto consumer = harness_.Open();
  EXPECT_THAT(harness_.Next(*consumer, 10, 100)->texts(), SizeIs(1));
  EXPECT_THAT(harness_.Next(*consumer, 10, 1)->texts(), SizeIs(1));
}

TEST_F(Delivery, WhatComesIsSharedAmongThoseWhoWait) {
  std::vector<std::unique_ptr<Consumer>> consumers;
  std::vector<std::shared_ptr<BrokerHarness::Answer>> answers;
  for (int i = 0; i < 4; ++i) {
    consumers.push_back(harness_.Open());
    answers.push_back(harness_.Next(*consumers.back()));
  }
  harness_.PublishTexts({"1", "2", "3", "4", "5", "6", "7", "8"}).status().IgnoreError();
  for (const auto& answer : answers) EXPECT_THAT(answer->texts(), SizeIs(2));
}

TEST_F(Delivery, AMessageThatAlwaysFailsDoesNotHoldUpOthers) {
  harness_.PublishTexts({"poison", "b", "c"}).status().IgnoreError();
  std::set<std::string> seen;
  for (int i = 0; i < 8; ++i) {
    auto pulled = harness_.Pull(1);
    ASSERT_THAT(pulled.texts(), SizeIs(1));
    seen.insert(pulled.texts()[0]);
    ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0)).ok());
  }
  EXPECT_THAT(seen, ElementsAre("b", "c", "poison"));
}

TEST_F(Delivery, ADeletedTopicsSubscriptionDrains) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  ASSERT_TRUE(harness_.broker().DeleteTopic(kTopic).ok());
  EXPECT_EQ(harness_.broker().GetSubscription(kSubscription)->topic, "_deleted-topic_");
  EXPECT_TRUE(absl::IsNotFound(harness_.PublishTexts({"x"}).status()));
  harness_.CreateTopic();
  harness_.PublishTexts({"of the new topic"}).status().IgnoreError();
  auto pulled = harness_.Pull();
  EXPECT_THAT(pulled.texts(), ElementsAre("a"));
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.broker().GetSubscription(kSubscription)->topic, "_deleted-topic_");
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(Delivery, APublishThatADeletionOvertookIsNotFound) {
  harness_.journal().Hold(true);
  auto answer = std::make_shared<BrokerHarness::Ids>(absl::UnknownError("not answered"));
  // The deletion's record lies before the publish's, though both saw the topic.
  std::thread deleting([&] { harness_.broker().DeleteTopic(kTopic).IgnoreError(); });
  while (harness_.journal().queued() < 1) std::this_thread::yield();
  harness_.broker().Publish(kTopic, {Text("late")},
                            [answer](auto ids) { *answer = std::move(ids); });
  harness_.journal().Hold(false);
  deleting.join();
  harness_.Settle();
  EXPECT_TRUE(absl::IsNotFound(answer->status())) << answer->status();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
}

TEST_F(Delivery, OldMessagesComeFromTheJournal) {
  EmbeddedBroker::Options options;
  options.memory_bytes_max = 1000;
  BrokerHarness harness(options);
  harness.CreateTopic();
  harness.Subscribe();
  for (int i = 0; i < 30; ++i)
    ASSERT_TRUE(harness.PublishTexts({std::string(100, 'x'), std::to_string(i)}).ok());
  auto pulled = harness.Pull();
  ASSERT_THAT(pulled.texts(), SizeIs(60));
  EXPECT_EQ(pulled.texts()[59], "29");
  EXPECT_EQ(pulled.texts()[1], "0");
  // All in one block, or two when a second began meanwhile; read once each, not once a record.
  EXPECT_GE(harness.journal().reads(), 1);
  EXPECT_LE(harness.journal().reads(), 3);
}

TEST_F(Delivery, DamageIsReportedNotSkipped) {
  EmbeddedBroker::Options options;
  options.memory_bytes_max = 0;
  BrokerHarness harness(options);
  harness.CreateTopic();
  harness.Subscribe();
  ASSERT_TRUE(harness.PublishTexts({"a"}).ok());
  ASSERT_TRUE(harness.PublishTexts({"b"}).ok());
  harness.disk().damaged.insert(std::prev(harness.disk().records.end())->first);
  auto consumer = harness.Open();
  EXPECT_THAT(harness.Next(*consumer)->texts(), ElementsAre("a"));
  auto damaged = harness.Next(*consumer);
  ASSERT_TRUE(damaged->value);
  EXPECT_TRUE(absl::IsDataLoss(damaged->value->status()));
}

class Filtered : public ::testing::Test {
 protected:
  Filtered() {
    harness_.CreateTopic();
    SubscriptionSettings settings;
    settings.filter = "attributes.kind = \"audit\"";
    harness_.Subscribe(settings);
  }
  BrokerHarness::Ids Publish(std::string text, std::string kind) {
    std::vector<event::Draft> drafts;
    drafts.push_back(Text(std::move(text), "", {{"kind", std::move(kind)}}));
    return harness_.Publish(std::move(drafts));
  }
  BrokerHarness harness_;
};

TEST_F(Filtered, WhatDoesNotMatchIsPassedOver) {
  ASSERT_TRUE(Publish("no", "other").ok());
  ASSERT_TRUE(Publish("yes", "audit").ok());
  ASSERT_TRUE(Publish("no", "other").ok());
  auto pulled = harness_.Pull();
  EXPECT_THAT(pulled.texts(), ElementsAre("yes"));
  ASSERT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
  // The first was recorded with the ack, the last will be with the next.
  EXPECT_LE(harness_.Backlog(), 1);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
}

TEST_F(Filtered, AWaitGoesOnPastMessagesThatDoNotMatch) {
  auto consumer = harness_.Open();
  auto answer = harness_.Next(*consumer);
  for (int i = 0; i < 1500; ++i) ASSERT_TRUE(Publish("no", "other").ok());
  EXPECT_FALSE(answer->value);
  // They became a record without any ack.
  EXPECT_LT(harness_.Backlog(), 1000);
  ASSERT_TRUE(Publish("yes", "audit").ok());
  EXPECT_THAT(answer->texts(), ElementsAre("yes"));
}

TEST_F(Filtered, ABadFilterIsRefused) {
  SubscriptionSettings settings;
  settings.name = "projects/p/subscriptions/bad";
  settings.topic = kTopic;
  settings.filter = "attributes.kind == ";
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.broker().CreateSubscription(settings).status()));
}

}  // namespace
}  // namespace afluente::broker
