// Delivery attempts, retry policies and dead-letter topics.
#include "broker/broker_harness.h"
#include "broker/delivery_policies.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kDeadTopic[] = "projects/p/topics/dead";
constexpr char kDeadSubscription[] = "projects/p/subscriptions/dead";

TEST(DeliveryPolicies, TheBackoffDoublesUpToItsMaximum) {
  RetryPolicy policy{seconds(3), seconds(10)};
  EXPECT_EQ(Backoff(policy, 1), seconds(3));
  EXPECT_EQ(Backoff(policy, 2), seconds(6));
  EXPECT_EQ(Backoff(policy, 3), seconds(10));
  EXPECT_EQ(Backoff(policy, 4'000'000'000), seconds(10));
  EXPECT_EQ(Backoff({seconds(0), seconds(600)}, 1'000'000), seconds(0));
}

TEST(DeliveryPolicies, RefuseWhatPubsubRefuses) {
  auto check = [](auto change) {
    SubscriptionSettings settings;
    settings.dead_letter_policy = DeadLetterPolicy{kDeadTopic, 5};
    settings.retry_policy = RetryPolicy{seconds(0), seconds(600)};
    change(settings);
    return CheckDeliveryPolicies(settings);
  };
  EXPECT_TRUE(check([](auto&) {}).ok());
  EXPECT_TRUE(check([](auto& s) { s.dead_letter_policy->max_delivery_attempts = 100; }).ok());
  for (auto bad :
       {+[](SubscriptionSettings& s) { s.dead_letter_policy->max_delivery_attempts = 4; },
        +[](SubscriptionSettings& s) { s.dead_letter_policy->max_delivery_attempts = -1; },
        +[](SubscriptionSettings& s) { s.dead_letter_policy->max_delivery_attempts = 101; },
        +[](SubscriptionSettings& s) { s.dead_letter_policy->topic = "dead"; },
        +[](SubscriptionSettings& s) { s.retry_policy->minimum_backoff = seconds(-1); },
        +[](SubscriptionSettings& s) { s.retry_policy->maximum_backoff = seconds(601); },
        +[](SubscriptionSettings& s) { s.retry_policy = RetryPolicy{seconds(9), seconds(8)}; },
        +[](SubscriptionSettings& s) {
          s.enable_exactly_once_delivery = true;
          s.push = PushConfig{};
        }}) {
    EXPECT_TRUE(absl::IsInvalidArgument(check(bad)));
  }
  EXPECT_TRUE(check([](auto& s) {
                s.dead_letter_policy->max_delivery_attempts = 0;  // the default
              }).ok());
}

class DeadLetters : public ::testing::Test {
 protected:
  DeadLetters() {
    harness_.CreateTopic();
    harness_.CreateTopic(kDeadTopic);
    settings_.name = kSubscription;
    settings_.topic = kTopic;
    settings_.dead_letter_policy = DeadLetterPolicy{kDeadTopic, 5};
  }
  void Subscribe() {
    harness_.Subscribe(settings_);
    SubscribeDead();
  }
  void SubscribeDead() {
    SubscriptionSettings dead;
    dead.name = kDeadSubscription;
    dead.topic = kDeadTopic;
    dead.enable_message_ordering = true;
    harness_.Subscribe(dead);
  }
  // Pulls one message and nacks it; gives its text and attempt.
  std::pair<std::string, int64_t> FailOne() {
    auto pulled = harness_.Pull(1);
    if (pulled.texts().empty()) return {"", 0};
    EXPECT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0)).ok());
    return {pulled.texts()[0], (**pulled.value)[0].delivery_attempt};
  }
  SubscriptionSettings settings_;
  BrokerHarness harness_;
};

TEST_F(DeadLetters, AttemptsAreCountedOnlyWithAPolicy) {
  settings_.dead_letter_policy.reset();
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  for (int i = 0; i < 7; ++i) EXPECT_EQ(FailOne().second, 0);
}

TEST_F(DeadLetters, AMessageThatFailsTooOftenGoesToItsTopicWithPubsubsAttributes) {
  Subscribe();
  harness_.clock().Advance(milliseconds(1'700'000'000'123));
  ASSERT_TRUE(harness_.Publish({Text("a", "k", {{"kind", "x"}})}).ok());
  auto published = harness_.clock().Now();
  for (int attempt = 1; attempt <= 4; ++attempt) EXPECT_EQ(FailOne().second, attempt);
  // The last one by its deadline.
  auto last = harness_.Pull();
  EXPECT_EQ((**last.value)[0].delivery_attempt, 5);
  EXPECT_EQ(harness_.Backlog(kDeadSubscription), 0);
  harness_.Advance(seconds(10));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
  auto dead = harness_.Pull(10, kDeadSubscription);
  ASSERT_THAT(dead.texts(), ElementsAre("a"));
  const event::Message& message = *(**dead.value)[0].message;
  EXPECT_EQ(message.ordering_key, "k");
  absl::Time time = absl::FromUnixMicros(published.time_since_epoch().count());
  EXPECT_THAT(
      message.attributes,
      ElementsAre(Pair("CloudPubSubDeadLetterSourceDeliveryCount", "5"),
                  Pair("CloudPubSubDeadLetterSourceSubscription", "all"),
                  Pair("CloudPubSubDeadLetterSourceSubscriptionProject", "p"),
                  Pair("CloudPubSubDeadLetterSourceTopicPublishTime",
                       absl::FormatTime("%Y-%m-%dT%H:%M:%E3S+00:00", time, absl::UTCTimeZone())),
                  Pair("kind", "x")));
}

TEST_F(DeadLetters, AttemptsAreKeptOverARestart) {
  for (bool by_snapshot : {false, true}) {
    SCOPED_TRACE(by_snapshot);
    settings_.name = by_snapshot ? "projects/p/subscriptions/second" : kSubscription;
    harness_.Subscribe(settings_);
    ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
    auto pull = [&] { return harness_.Pull(1, settings_.name); };
    for (int attempt = 1; attempt <= 3; ++attempt) {
      auto pulled = pull();
      ASSERT_TRUE(pulled.value);
      EXPECT_EQ((**pulled.value)[0].delivery_attempt, attempt);
      ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0), settings_.name).ok());
    }
    if (by_snapshot) {
      size_t before = harness_.disk().snapshots.size();
      // Enough for a snapshot to be due.
      for (int i = 0; i < 40'000 && harness_.disk().snapshots.size() == before; ++i)
        ASSERT_TRUE(harness_.PublishTexts({std::string(100'000, 'x')}, kDeadTopic).ok());
      ASSERT_GT(harness_.disk().snapshots.size(), before);
    }
    ASSERT_TRUE(harness_.CrashAndRestart().ok());
    EXPECT_EQ((**pull().value)[0].delivery_attempt, 4);
  }
}

TEST_F(DeadLetters, ACrashNeitherLosesNorDoublesADeadLetter) {
  for (size_t kept : {0, 1}) {
    SCOPED_TRACE(kept);
    BrokerHarness fresh;
    fresh.CreateTopic();
    fresh.CreateTopic(kDeadTopic);
    fresh.Subscribe(settings_);
    SubscriptionSettings dead;
    dead.name = kDeadSubscription;
    dead.topic = kDeadTopic;
    fresh.Subscribe(dead);
    ASSERT_TRUE(fresh.PublishTexts({"a"}).ok());
    for (int i = 0; i < 5; ++i) {
      auto pulled = fresh.Pull();
      ASSERT_THAT(pulled.texts(), ElementsAre("a"));
      // The records of the last failure and of the dead letter wait for the disk.
      if (i == 4) fresh.journal().Hold(true);
      ASSERT_TRUE(fresh.Modify(pulled.ack_ids(), seconds(0)).ok());
    }
    ASSERT_EQ(fresh.journal().queued(), 2);
    ASSERT_TRUE(fresh.CrashAndRestart(2 * kept).ok());
    EXPECT_EQ(fresh.Backlog(), 1 - kept);
    EXPECT_EQ(fresh.Backlog(kDeadSubscription), kept);
    EXPECT_EQ(fresh.Pull().texts().size(), 1 - kept);
    EXPECT_EQ(fresh.Pull(10, kDeadSubscription).texts().size(), kept);
  }
}

TEST_F(DeadLetters, ALateAckKeepsTheMessageFromItsTopic) {
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"before"}, kDeadTopic).ok());
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  for (int i = 0; i < 3; ++i) FailOne();
  auto fourth = harness_.Pull();
  ASSERT_TRUE(harness_.Modify(fourth.ack_ids(), seconds(0)).ok());
  harness_.journal().Hold(true);
  ASSERT_EQ(harness_.Ack(fourth.ack_ids()).status.message(), "not answered");
  FailOne();
  ASSERT_EQ(harness_.journal().queued(), 3);  // the ack, the failure, the dead letter
  harness_.journal().Hold(false);
  harness_.Settle();
  EXPECT_EQ(harness_.Backlog(), 0);
  EXPECT_EQ(harness_.Backlog(kDeadSubscription), 1);
  // What lies between them in the journal looks like a message of the topic, and is none.
  ASSERT_TRUE(harness_.PublishTexts({"after"}, kDeadTopic).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.Pull(10, kDeadSubscription).texts(),
            (std::vector<std::string>{"before", "after"}));
}

TEST_F(DeadLetters, WithoutItsTopicAMessageIsDeliveredOn) {
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  ASSERT_TRUE(harness_.broker().DeleteTopic(kDeadTopic).ok());
  for (int attempt = 1; attempt <= 8; ++attempt) EXPECT_THAT(FailOne(), Pair("a", attempt));
  // A new topic of that name takes it with its next failure.
  harness_.CreateTopic(kDeadTopic);
  ASSERT_TRUE(harness_.broker().DeleteSubscription(kDeadSubscription).ok());
  SubscribeDead();
  EXPECT_THAT(FailOne(), Pair("a", 9));
  EXPECT_EQ(harness_.Backlog(), 0);
  EXPECT_THAT(harness_.Pull(10, kDeadSubscription).texts(), ElementsAre("a"));
}

TEST_F(DeadLetters, APolicyNeedsItsTopicWhenItIsSet) {
  settings_.dead_letter_policy->topic = "projects/p/topics/none";
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().CreateSubscription(settings_).status()));
  settings_.dead_letter_policy->topic = kDeadTopic;
  Subscribe();
  ASSERT_TRUE(harness_.broker().DeleteTopic(kDeadTopic).ok());
  settings_.ack_deadline = seconds(20);
  EXPECT_TRUE(harness_.broker().UpdateSubscription(settings_).ok());
  settings_.dead_letter_policy->max_delivery_attempts = 6;
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().UpdateSubscription(settings_).status()));
}

TEST_F(DeadLetters, ARefusedDeadLetterIsDeliveredOn) {
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  for (int i = 0; i < 4; ++i) FailOne();
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_THAT(FailOne(), Pair("a", 5));
  harness_.journal().Refuse(absl::OkStatus());
  EXPECT_EQ(harness_.Backlog(), 1);
  EXPECT_THAT(FailOne(), Pair("a", 6));
  EXPECT_EQ(harness_.Backlog(), 0);
  EXPECT_EQ(harness_.Backlog(kDeadSubscription), 1);
}

TEST_F(DeadLetters, ADeadLetterWedgesNeitherItsKeyNorOthers) {
  settings_.enable_message_ordering = true;
  Subscribe();
  ASSERT_TRUE(harness_
                  .Publish({Text("a1", "a"), Text("b1", "b"), Text("a2", "a"), Text("a3", "a"),
                            Text("b2", "b")})
                  .ok());
  std::vector<std::string> acked;
  for (int i = 0; i < 40 && acked.size() < 4; ++i) {
    auto pulled = harness_.Pull(1);
    ASSERT_EQ(pulled.texts().size(), 1);
    if (pulled.texts()[0] == "a1") {
      ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0)).ok());
    } else {
      acked.push_back(pulled.texts()[0]);
      ASSERT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
    }
  }
  EXPECT_EQ(acked.size(), 4);
  EXPECT_LT(std::find(acked.begin(), acked.end(), "a2"),
            std::find(acked.begin(), acked.end(), "a3"));
  EXPECT_THAT(harness_.Pull(10, kDeadSubscription).texts(), ElementsAre("a1"));
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(DeadLetters, ADeadLetterLetsHeldAcksGo) {
  settings_.enable_message_ordering = true;
  Subscribe();
  ASSERT_TRUE(harness_.Publish({Text("a1", "a"), Text("a2", "a"), Text("a3", "a")}).ok());
  for (int i = 0; i < 4; ++i) FailOne();
  auto ids = harness_.Pull().ack_ids();
  ASSERT_EQ(ids.size(), 3);
  ASSERT_TRUE(harness_.Ack({ids[1]}).ok());
  EXPECT_EQ(harness_.Backlog(), 3);
  ASSERT_TRUE(harness_.Modify({ids[0]}, seconds(0)).ok());
  EXPECT_THAT(harness_.Pull(10, kDeadSubscription).texts(), ElementsAre("a1"));
  EXPECT_EQ(harness_.Backlog(), 1);
  ASSERT_TRUE(harness_.Ack({ids[2]}).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
}

// The one on its way to the dead-letter topic is not taken along by an earlier one's failure.
TEST_F(DeadLetters, AnEarlierFailureLeavesADyingMessage) {
  settings_.enable_message_ordering = true;
  Subscribe();
  ASSERT_TRUE(harness_.Publish({Text("a1", "a"), Text("a2", "a"), Text("a3", "a")}).ok());
  for (int i = 0; i < 4; ++i) {
    auto ids = harness_.Pull().ack_ids();
    ASSERT_EQ(ids.size(), 3);
    ASSERT_TRUE(harness_.Modify({ids[2]}, seconds(0)).ok());
    ASSERT_TRUE(harness_.Modify({ids[0]}, seconds(0)).ok());
  }
  auto ids = harness_.Pull().ack_ids();
  ASSERT_TRUE(harness_.Ack({ids[0]}).ok());
  harness_.journal().Hold(true);
  ASSERT_TRUE(harness_.Modify({ids[2]}, seconds(0)).ok());
  ASSERT_TRUE(harness_.Modify({ids[1]}, seconds(0)).ok());
  harness_.journal().Hold(false);
  harness_.Settle();
  EXPECT_THAT(harness_.Pull(10, kDeadSubscription).texts(), ElementsAre("a3"));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a2"));
}

TEST_F(DeadLetters, ARunThatExpiresCountsAgainstItsFirstMessageOnly) {
  settings_.enable_message_ordering = true;
  Subscribe();
  ASSERT_TRUE(harness_.Publish({Text("1", "k"), Text("2", "k"), Text("3", "k")}).ok());
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(harness_.Pull().texts(), ElementsAre("1", "2", "3"));
    harness_.Advance(seconds(10));
  }
  auto last = harness_.Pull();
  EXPECT_EQ((**last.value)[0].delivery_attempt, 5);
  EXPECT_EQ((**last.value)[1].delivery_attempt, 1);
  ASSERT_TRUE(harness_.Modify({last.ack_ids()[0]}, seconds(0)).ok());
  // The others stay where they are, and their acks count.
  ASSERT_TRUE(harness_.Ack({last.ack_ids()[1], last.ack_ids()[2]}).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
  EXPECT_THAT(harness_.Pull(10, kDeadSubscription).texts(), ElementsAre("1"));
}

TEST_F(DeadLetters, ItsOwnTopicMayTakeThem) {
  settings_.dead_letter_policy->topic = kTopic;
  harness_.Subscribe(settings_);
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  for (int attempt = 1; attempt <= 5; ++attempt) EXPECT_THAT(FailOne(), Pair("a", attempt));
  EXPECT_THAT(FailOne(), Pair("a", 1));
  EXPECT_EQ(harness_.Backlog(), 1);
}

class Retries : public DeadLetters {
 protected:
  Retries() {
    settings_.dead_letter_policy.reset();
    settings_.retry_policy = RetryPolicy{seconds(2), seconds(5)};
  }
};

TEST_F(Retries, AFailedMessageWaitsLongerEachTime) {
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  for (seconds wait : {seconds(2), seconds(4), seconds(5), seconds(5)}) {
    EXPECT_EQ(FailOne().first, "a");
    ASSERT_TRUE(harness_.PublishTexts({"other"}).ok());
    auto other = harness_.Pull();
    EXPECT_THAT(other.texts(), ElementsAre("other"));  // nothing else waits
    ASSERT_TRUE(harness_.Ack(other.ack_ids()).ok());
    harness_.Advance(wait - milliseconds(1));
    EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
    harness_.Advance(milliseconds(1));
  }
  EXPECT_EQ(FailOne().first, "a");
}

TEST_F(Retries, AWaiterGetsItWhenItsTimeHasCome) {
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  FailOne();
  auto consumer = harness_.Open();
  auto waiting = harness_.Next(*consumer);
  EXPECT_FALSE(waiting->value);
  harness_.Advance(seconds(2));
  EXPECT_THAT(waiting->texts(), ElementsAre("a"));
}

TEST_F(Retries, AKeyWaitsAsAWhole) {
  settings_.enable_message_ordering = true;
  Subscribe();
  ASSERT_TRUE(harness_.Publish({Text("a1", "a"), Text("a2", "a"), Text("b1", "b")}).ok());
  auto pulled = harness_.Pull();
  ASSERT_THAT(pulled.texts(), ElementsAre("a1", "a2", "b1"));
  ASSERT_TRUE(harness_.Modify({pulled.ack_ids()[0]}, seconds(0)).ok());
  ASSERT_TRUE(harness_.Publish({Text("a3", "a"), Text("b2", "b"), Text("c1", "c")}).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("c1"));
  ASSERT_TRUE(harness_.Ack({pulled.ack_ids()[2]}).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b2"));
  harness_.Advance(seconds(2));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a1", "a2", "a3"));
}

TEST_F(Retries, TheWaitBeginsAnewAfterARestart) {
  settings_.enable_message_ordering = true;
  Subscribe();
  ASSERT_TRUE(
      harness_.Publish({Text("a1", "a"), Text("x"), Text("b1", "b"), Text("a2", "a")}).ok());
  auto pulled = harness_.Pull();
  ASSERT_EQ(pulled.texts().size(), 4);
  ASSERT_TRUE(harness_.Modify({pulled.ack_ids()[0], pulled.ack_ids()[1]}, seconds(0)).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b1"));
  harness_.Advance(seconds(2));
  EXPECT_THAT(harness_.Pull().texts(), ::testing::UnorderedElementsAre("a1", "x", "a2"));
}

// A thousand messages that always fail do not keep a new one waiting.
TEST_F(Retries, WhatAlwaysFailsStarvesNothing) {
  settings_.retry_policy.reset();
  Subscribe();
  std::vector<std::string> bad(1000, "bad");
  ASSERT_TRUE(harness_.PublishTexts(bad).ok());
  ASSERT_TRUE(harness_.PublishTexts({"good"}).ok());
  int pulls = 0;
  for (bool good = false; !good; ++pulls) {
    ASSERT_LT(pulls, 200);
    auto pulled = harness_.Pull(10);
    for (const std::string& text : pulled.texts()) good = good || text == "good";
    ASSERT_TRUE(harness_.Modify(pulled.ack_ids(), seconds(0)).ok());
  }
  EXPECT_GT(pulls, 0);
}

}  // namespace
}  // namespace afluente::broker
