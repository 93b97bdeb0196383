// Ordering keys: KeyOrder by itself, and in deliveries.
#include "broker/broker_harness.h"
#include "broker/key_order.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const auto kKeepNone = [](uint64_t) { return false; };

class Keys : public ::testing::Test {
 protected:
  KeyOrder::Key* Offer(const std::string& name, uint64_t sequence, uint64_t run) {
    return order.Offer(name, sequence, run, ++generation);
  }
  KeyOrder order{100};
  uint64_t generation = 100;
};

TEST_F(Keys, ANewRunWaitsForTheLast) {
  KeyOrder::Key* key = Offer("k", 1, 1);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(Offer("k", 2, 1), key);
  EXPECT_EQ(Offer("k", 3, 2), nullptr);
  EXPECT_NE(Offer("other", 4, 2), nullptr);
  EXPECT_FALSE(order.NextReady(2));
  order.Done(key, 2);
  EXPECT_FALSE(order.NextReady(3));
  order.Done(key, 1);
  ASSERT_TRUE(order.NextReady(3));
  EXPECT_EQ(order.NextReady(3)->second, 3);
}

TEST_F(Keys, AFailureBringsItsFollowersBackInOrder) {
  KeyOrder::Key* key = nullptr;
  for (uint64_t sequence : {1, 2, 3, 4}) key = Offer("k", sequence, 1);
  EXPECT_EQ(Offer("k", 5, 2), nullptr);
  order.Done(key, 3);
  EXPECT_THAT(order.Fail(key, 2, kKeepNone), ElementsAre(2, 4));
  EXPECT_FALSE(order.ready());  // 1 is still out
  order.Done(key, 1);
  std::vector<uint64_t> again;
  while (auto next = order.NextReady(3)) {
    ASSERT_NE(Offer("k", next->second, 3), nullptr);
    again.push_back(next->second);
  }
  EXPECT_THAT(again, ElementsAre(2, 4, 5));
  EXPECT_EQ(order.waiting(), 0);
}

TEST_F(Keys, ReadyKeysTakeTurns) {
  for (uint64_t sequence : {1, 2, 3}) Offer("k" + std::to_string(sequence), sequence, sequence);
  uint64_t run = 10;
  auto fail = [&](uint64_t sequence) {
    KeyOrder::Key* key = Offer("k" + std::to_string(sequence), sequence, run);
    order.Fail(key, sequence, kKeepNone);
  };
  for (uint64_t sequence : {1, 2, 3}) {
    KeyOrder::Key* key = Offer("k" + std::to_string(sequence), sequence, sequence);
    order.Fail(key, sequence, kKeepNone);
  }
  std::vector<uint64_t> turns;
  for (int i = 0; i < 6; ++i) {
    uint64_t next = order.NextReady(++run)->second;
    turns.push_back(next);
    fail(next);
  }
  EXPECT_THAT(turns, ::testing::Contains(1).Times(2));
  EXPECT_THAT(turns, ::testing::Contains(2).Times(2));
  EXPECT_THAT(turns, ::testing::Contains(3).Times(2));
}

TEST_F(Keys, NothingGoesOutOfAHeldKey) {
  host::MonotonicTime until = host::MonotonicTime() + seconds(1);
  order.HoldNew("k", 1, until);
  EXPECT_EQ(Offer("k", 1, 1), nullptr);
  EXPECT_FALSE(order.NextReady(1));
  order.ReleaseDue(until);
  EXPECT_NE(Offer("k", 1, 1), nullptr);
}

TEST_F(Keys, ADeliveryStandsUntilAnEarlierMessageIsDeliveredAgain) {
  KeyOrder::Key* key = nullptr;
  for (uint64_t sequence : {1, 2, 3}) key = Offer("k", sequence, 1);
  EXPECT_FALSE(KeyOrder::Stands(*key, 1, 100));  // of before the restart
  order.Fail(key, 1, kKeepNone);
  for (uint64_t sequence : {1, 2, 3}) EXPECT_TRUE(KeyOrder::Stands(*key, sequence, 100 + sequence));
  EXPECT_FALSE(KeyOrder::Stands(*key, 1, 104));  // never given out
  order.Drop(key, 1);
  EXPECT_TRUE(KeyOrder::Stands(*key, 2, 102));
  ASSERT_EQ(Offer("k", 2, 2), key);  // 104
  EXPECT_TRUE(KeyOrder::Stands(*key, 2, 102));
  EXPECT_FALSE(KeyOrder::Stands(*key, 3, 103));
  order.Done(key, 2);
  EXPECT_FALSE(KeyOrder::Stands(*key, 3, 103));
  ASSERT_EQ(Offer("k", 3, 3), key);
  EXPECT_TRUE(KeyOrder::Stands(*key, 3, 105));
}

class Ordering : public ::testing::Test {
 protected:
  Ordering() {
    harness_.CreateTopic();
    SubscriptionSettings settings;
    settings.enable_message_ordering = true;
    harness_.Subscribe(settings);
  }
  // Each text's first letter is its key; '-' is none.
  void Publish(const std::vector<std::string>& texts) {
    std::vector<event::Draft> drafts;
    for (const std::string& text : texts)
      drafts.push_back(Text(text, text[0] == '-' ? "" : text.substr(0, 1)));
    ASSERT_TRUE(harness_.Publish(std::move(drafts)).ok());
  }
  BrokerHarness harness_;
};

TEST_F(Ordering, OneRunOfAKeyAtATime) {
  Publish({"a1", "a2", "b1", "-1", "a3"});
  auto first = harness_.Pull(2);
  EXPECT_THAT(first.texts(), ElementsAre("a1", "a2"));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b1", "-1"));
  ASSERT_TRUE(harness_.Ack({first.ack_ids()[0]}).ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  ASSERT_TRUE(harness_.Ack({first.ack_ids()[1]}).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a3"));
}

TEST_F(Ordering, ANackedMessageComesBackWithItsFollowersInOrder) {
  Publish({"a1", "a2", "a3", "b1"});
  auto first = harness_.Pull();
  ASSERT_THAT(first.texts(), ElementsAre("a1", "a2", "a3", "b1"));
  ASSERT_TRUE(harness_.Modify({first.ack_ids()[1]}, seconds(0)).ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());  // a1 is still out
  ASSERT_TRUE(harness_.Ack({first.ack_ids()[0]}).ok());
  Publish({"a4"});
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a2", "a3", "a4"));
}

TEST_F(Ordering, AnExpiredRunComesBackInOrder) {
  Publish({"a1", "a2", "a3"});
  auto first = harness_.Pull();
  ASSERT_TRUE(harness_.Ack({first.ack_ids()[1]}).ok());
  harness_.Advance(seconds(10));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a1", "a2", "a3"));
}

TEST_F(Ordering, AFailureBringsAckedFollowersBackToo) {
  Publish({"a0", "a1", "a2", "a3", "b0"});
  auto first = harness_.Pull().ack_ids();
  ASSERT_EQ(first.size(), 5);
  ASSERT_TRUE(harness_.Ack({first[0], first[2], first[3], first[4]}).ok());
  EXPECT_EQ(harness_.Backlog(), 3);
  ASSERT_TRUE(harness_.Modify({first[1]}, seconds(0)).ok());
  EXPECT_EQ(harness_.Backlog(), 3);
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a1", "a2", "a3"));
}

TEST_F(Ordering, AcksThatComeAfterTheFailureDoNotCount) {
  Publish({"a0", "a1", "a2", "a3"});
  auto first = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Modify({first[1]}, seconds(0)).ok());
  ASSERT_TRUE(harness_.Ack({first[2], first[3]}).ok());  // as they wait behind a0
  ASSERT_TRUE(harness_.Ack({first[0]}).ok());
  auto again = harness_.Pull();
  EXPECT_THAT(again.texts(), ElementsAre("a1", "a2", "a3"));
  ASSERT_TRUE(harness_.Ack({first[2], first[3]}).ok());  // as they are out once more
  ASSERT_TRUE(harness_.Ack({again.ack_ids()[0]}).ok());
  EXPECT_EQ(harness_.Backlog(), 2);
}

TEST_F(Ordering, AHeldAckIsStoredWhenTheEarlierOnesAre) {
  Publish({"a0", "a1", "a2", "a3"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[3]}).ok());
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  EXPECT_EQ(harness_.Backlog(), 4);
  ASSERT_TRUE(harness_.Ack({ids[0]}).ok());
  EXPECT_EQ(harness_.Backlog(), 2);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a2", "a3"));
}

TEST_F(Ordering, OneRequestMayAckAKeyInAnyOrder) {
  Publish({"a0", "a1", "a2"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[2], ids[0], ids[1]}).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
}

TEST_F(Ordering, LateAcksOfAWholeRunCount) {
  Publish({"a0", "a1", "a2"});
  auto ids = harness_.Pull().ack_ids();
  harness_.Advance(seconds(10));
  ASSERT_TRUE(harness_.Ack({ids[1], ids[0]}).ok());
  EXPECT_EQ(harness_.Backlog(), 1);
  ASSERT_TRUE(harness_.Ack({ids[2]}).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Ordering, ALateAckOfAFollowerIsVoidOnceTheFailedOneCameAgain) {
  Publish({"a0", "a1", "a2"});
  auto first = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Modify({first[0]}, seconds(0)).ok());
  auto again = harness_.Pull(1);
  ASSERT_THAT(again.texts(), ElementsAre("a0"));
  ASSERT_TRUE(harness_.Ack({again.ack_ids()[0], first[1]}).ok());  // as a1 waits
  EXPECT_EQ(harness_.Backlog(), 2);
  ASSERT_TRUE(harness_.Ack({first[1], first[2]}).ok());  // as it leads
  EXPECT_EQ(harness_.Backlog(), 2);
  again = harness_.Pull();
  EXPECT_THAT(again.texts(), ElementsAre("a1", "a2"));
  ASSERT_TRUE(harness_.Ack({first[1]}).ok());  // as it is out again
  EXPECT_EQ(harness_.Backlog(), 2);
  ASSERT_TRUE(harness_.Ack(again.ack_ids()).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

// Else who takes longer than the deadline each time would never be done with it.
TEST_F(Ordering, ALateAckOfTheFirstOneCountsAlsoWhenItIsOutAgain) {
  Publish({"a0", "a1"});
  auto first = harness_.Pull().ack_ids();
  harness_.Advance(seconds(10));
  auto again = harness_.Pull();
  EXPECT_THAT(again.texts(), ElementsAre("a0", "a1"));
  ASSERT_TRUE(harness_.Ack({first[0], first[1]}).ok());
  EXPECT_EQ(harness_.Backlog(), 1);
  ASSERT_TRUE(harness_.Ack({again.ack_ids()[1]}).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Ordering, AfterARestartOldAcksCountForMessagesWithoutKeyAlone) {
  Publish({"a0", "a1", "-0"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  ASSERT_TRUE(harness_.Ack(ids).ok());
  EXPECT_EQ(harness_.Backlog(), 2);
  auto again = harness_.Pull(1);
  EXPECT_THAT(again.texts(), ElementsAre("a0"));
  ASSERT_TRUE(harness_.Ack({ids[0], again.ack_ids()[0]}).ok());
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a1"));
}

TEST_F(Ordering, AHeldAckNeitherExpiresNorIsTakenBack) {
  Publish({"a0", "a1"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  ASSERT_TRUE(harness_.Modify({ids[1]}, seconds(0)).ok());
  ASSERT_TRUE(harness_.Modify({ids[0]}, seconds(60)).ok());
  harness_.Advance(seconds(30));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  ASSERT_TRUE(harness_.Ack({ids[0]}).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Ordering, AHeldAckGivesItsConsumerRoom) {
  Publish({"a0", "a1", "b0"});
  ConsumerOptions options;
  options.outstanding_messages_max = 2;
  auto consumer = harness_.Open(options);
  auto first = harness_.Next(*consumer);
  ASSERT_THAT(first->texts(), ElementsAre("a0", "a1"));
  auto second = harness_.Next(*consumer);
  EXPECT_FALSE(second->value);
  ASSERT_TRUE(harness_.Ack({first->ack_ids()[1]}).ok());
  EXPECT_THAT(second->texts(), ElementsAre("b0"));
  // The room is given once: two of "a" and one of "b" were out, two are left.
  ASSERT_TRUE(harness_.Ack({first->ack_ids()[0]}).ok());
  Publish({"c0", "d0"});
  EXPECT_THAT(harness_.Next(*consumer)->texts(), ElementsAre("c0"));
}

TEST_F(Ordering, ASeekForgetsHeldAcks) {
  Publish({"a0", "a1"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  ASSERT_TRUE(harness_.broker().Seek(kSubscription, host::WallTime()).ok());
  auto again = harness_.Pull();
  ASSERT_THAT(again.texts(), ElementsAre("a0", "a1"));
  ASSERT_TRUE(harness_.Ack({again.ack_ids()[0]}).ok());
  EXPECT_EQ(harness_.Backlog(), 1);
}

TEST_F(Ordering, AHeldAckThatTheDiskRefusesIsTakenBack) {
  Publish({"a0", "a1", "a2"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_FALSE(harness_.Ack({ids[0]}).ok());
  harness_.journal().Refuse(absl::OkStatus());
  ASSERT_TRUE(harness_.Ack({ids[0]}).ok());
  EXPECT_EQ(harness_.Backlog(), 2);
  harness_.Advance(seconds(10));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a1", "a2"));
}

TEST_F(Ordering, ExactlyOnceDeliveryTakesOverHeldAcks) {
  Publish({"a0", "a1"});
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  SubscriptionSettings settings = *harness_.broker().GetSubscription(kSubscription);
  settings.enable_exactly_once_delivery = true;
  ASSERT_TRUE(harness_.broker().UpdateSubscription(settings).ok());
  ASSERT_TRUE(harness_.Ack({ids[0]}).failures.empty());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Ordering, AWaiterGetsTheNextRunWhenTheLastIsAcked) {
  Publish({"a1"});
  auto first = harness_.Pull();
  Publish({"a2"});
  auto consumer = harness_.Open();
  auto waiting = harness_.Next(*consumer);
  EXPECT_FALSE(waiting->value);
  ASSERT_TRUE(harness_.Ack(first.ack_ids()).ok());
  EXPECT_THAT(waiting->texts(), ElementsAre("a2"));
}

TEST_F(Ordering, AMessageThatAlwaysFailsWedgesNoOtherKey) {
  Publish({"a1", "b1", "a2", "b2"});
  std::vector<std::string> acked;
  for (int i = 0; i < 20 && acked.size() < 2; ++i) {
    auto pulled = harness_.Pull(1);
    ASSERT_EQ(pulled.texts().size(), 1);
    if (pulled.texts()[0][0] == 'a') {
      ASSERT_EQ(pulled.texts()[0], "a1");
      ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0)).ok());
    } else {
      acked.push_back(pulled.texts()[0]);
      ASSERT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
    }
  }
  EXPECT_THAT(acked, ElementsAre("b1", "b2"));
}

TEST_F(Ordering, HoldsAcrossARestart) {
  Publish({"a1", "a2", "a3"});
  auto first = harness_.Pull();
  ASSERT_TRUE(harness_.Ack({first.ack_ids()[0]}).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull(1).texts(), ElementsAre("a2"));
  EXPECT_THAT(harness_.Pull(1).texts(), IsEmpty());
}

TEST_F(Ordering, AnAckRefusedByTheDiskBringsTheRunBack) {
  Publish({"a1", "a2"});
  auto first = harness_.Pull();
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_FALSE(harness_.Ack({first.ack_ids()[0]}).ok());
  harness_.journal().Refuse(absl::OkStatus());
  harness_.Advance(seconds(10));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a1", "a2"));
}

}  // namespace
}  // namespace afluente::broker
