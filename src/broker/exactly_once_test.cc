// Exactly-once delivery: which ack ids count, and what their answers say.
#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ExactlyOnce : public ::testing::Test {
 protected:
  ExactlyOnce() {
    harness_.CreateTopic();
    harness_.Subscribe(Settings());
  }
  static SubscriptionSettings Settings() {
    SubscriptionSettings settings;
    settings.name = kSubscription;
    settings.topic = kTopic;
    settings.enable_exactly_once_delivery = true;
    settings.enable_message_ordering = true;
    return settings;
  }
  // The faults of an answer, by ack id.
  static std::map<std::string, AckFault> Faults(const AckAnswer& answer) {
    EXPECT_TRUE(answer.ok()) << answer.status;
    EXPECT_TRUE(answer.exactly_once);
    std::map<std::string, AckFault> faults;
    for (const AckFailure& each : answer.failures) faults[each.ack_id] = each.fault;
    return faults;
  }
  std::string PullOne() {
    auto pulled = harness_.Pull(1);
    EXPECT_EQ(pulled.ack_ids().size(), 1);
    return pulled.ack_ids().empty() ? "" : pulled.ack_ids()[0];
  }
  using Map = std::map<std::string, AckFault>;
  BrokerHarness harness_;
};

TEST_F(ExactlyOnce, AnAckSucceedsAndSucceedsAgain) {
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  std::string id = PullOne();
  EXPECT_THAT(Faults(harness_.Ack({id})), IsEmpty());
  EXPECT_THAT(Faults(harness_.Ack({id})), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(ExactlyOnce, AnExpiredAckIdIsInvalidBeforeAnybodyHasTheMessageAgain) {
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  std::string id = PullOne();
  // The clock alone: the dispatcher has not noticed yet.
  harness_.clock().Advance(seconds(10));
  EXPECT_EQ(Faults(harness_.Modify({id}, seconds(30))), (Map{{id, AckFault::kInvalid}}));
  EXPECT_EQ(Faults(harness_.Ack({id})), (Map{{id, AckFault::kInvalid}}));
  EXPECT_EQ(harness_.Backlog(), 1);
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(ExactlyOnce, OnlyTheLatestAckIdCounts) {
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  std::string first = PullOne();
  EXPECT_THAT(Faults(harness_.Modify({first}, seconds(0))), IsEmpty());
  std::string second = PullOne();
  EXPECT_EQ(Faults(harness_.Ack({first})), (Map{{first, AckFault::kInvalid}}));
  EXPECT_EQ(Faults(harness_.Modify({first}, seconds(0))), (Map{{first, AckFault::kInvalid}}));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  EXPECT_THAT(Faults(harness_.Ack({second})), IsEmpty());
  EXPECT_EQ(Faults(harness_.Ack({first})), (Map{{first, AckFault::kInvalid}}));
}

TEST_F(ExactlyOnce, EachAckIdHasItsOwnAnswer) {
  ASSERT_TRUE(harness_.PublishTexts({"a", "b"}).ok());
  auto pulled = harness_.Pull();
  std::string old = pulled.ack_ids()[0];
  ASSERT_TRUE(harness_.Modify({old}, seconds(0)).ok());
  EXPECT_EQ(Faults(harness_.Ack({old, "nonsense", pulled.ack_ids()[1]})),
            (Map{{old, AckFault::kInvalid}, {"nonsense", AckFault::kInvalid}}));
  EXPECT_EQ(harness_.Backlog(), 1);
}

TEST_F(ExactlyOnce, AnAckIdOfBeforeARestartIsInvalid) {
  ASSERT_TRUE(harness_.PublishTexts({"a", "b"}).ok());
  auto pulled = harness_.Pull();
  EXPECT_THAT(Faults(harness_.Ack({pulled.ack_ids()[0]})), IsEmpty());
  harness_.clock().Advance(seconds(1));
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  std::string id = pulled.ack_ids()[1];
  EXPECT_EQ(Faults(harness_.Ack({id})), (Map{{id, AckFault::kInvalid}}));
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b"));
  EXPECT_EQ(Faults(harness_.Ack({id})), (Map{{id, AckFault::kInvalid}}));
}

TEST_F(ExactlyOnce, AnAckThatTheDiskRefusesMayBeSentAgain) {
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  std::string id = PullOne();
  harness_.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_EQ(Faults(harness_.Ack({id})), (Map{{id, AckFault::kTransient}}));
  harness_.journal().Refuse(absl::OkStatus());
  EXPECT_THAT(Faults(harness_.Ack({id})), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(ExactlyOnce, AnAckIsAnsweredAfterTheSyncOnly) {
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  std::string id = PullOne();
  harness_.journal().Hold(true);
  EXPECT_EQ(harness_.Ack({id}).status.message(), "not answered");
  // Its lease does not run out meanwhile.
  harness_.Advance(seconds(60));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  harness_.journal().Hold(false);
  harness_.Settle();
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(ExactlyOnce, AKeyIsAckedInItsOrder) {
  ASSERT_TRUE(harness_.Publish({Text("1", "k"), Text("2", "k"), Text("3", "k"), Text("x")}).ok());
  auto ids = harness_.Pull().ack_ids();
  ASSERT_EQ(ids.size(), 4);
  EXPECT_EQ(Faults(harness_.Ack({ids[1], ids[3]})), (Map{{ids[1], AckFault::kUnordered}}));
  // In one request their order does not matter.
  EXPECT_THAT(Faults(harness_.Ack({ids[1], ids[0]})), IsEmpty());
  EXPECT_THAT(Faults(harness_.Ack({ids[2]})), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(ExactlyOnce, WithoutItLateAcksCount) {
  SubscriptionSettings settings = Settings();
  settings.enable_exactly_once_delivery = false;
  ASSERT_TRUE(harness_.broker().UpdateSubscription(settings).ok());
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  std::string id = PullOne();
  harness_.Advance(seconds(10));
  AckAnswer answer = harness_.Ack({id, "nonsense"});
  EXPECT_TRUE(answer.ok());
  EXPECT_FALSE(answer.exactly_once);
  EXPECT_THAT(answer.failures, IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(ExactlyOnce, WhoAskedForItIsToldOfAChange) {
  ConsumerOptions options;
  options.wants_properties = true;
  auto told = harness_.Open(options);
  auto not_told = harness_.Open();
  EXPECT_EQ(told->properties(), (ConsumerProperties{true, true}));
  auto first = harness_.Next(*told);
  auto second = harness_.Next(*not_told);
  SubscriptionSettings settings = Settings();
  settings.ack_deadline = seconds(20);
  ASSERT_TRUE(harness_.broker().UpdateSubscription(settings).ok());
  EXPECT_FALSE(first->value);
  settings.enable_exactly_once_delivery = false;
  ASSERT_TRUE(harness_.broker().UpdateSubscription(settings).ok());
  ASSERT_TRUE(first->value);
  EXPECT_THAT(first->texts(), IsEmpty());
  EXPECT_FALSE(second->value);
  EXPECT_EQ(told->properties(), (ConsumerProperties{false, true}));
}

}  // namespace
}  // namespace afluente::broker
