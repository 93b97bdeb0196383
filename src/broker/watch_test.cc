#include <gmock/gmock.h>

#include "broker/broker_harness.h"

namespace afluente::broker {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Watch, TellsOfWhatIsThereAndOfEachChange) {
  BrokerHarness harness;
  harness.CreateTopic();
  harness.Subscribe();
  std::vector<std::string> told;
  harness.broker().WatchSubscriptions([&](const std::string& name) {
    // As of the change already.
    told.push_back(name + (harness.broker().GetSubscription(name).ok() ? "" : " gone"));
  });
  EXPECT_THAT(told, ElementsAre(kSubscription));
  told.clear();
  SubscriptionSettings other;
  other.name = "projects/p/subscriptions/other";
  harness.Subscribe(other);
  SubscriptionSettings settings = *harness.broker().GetSubscription(kSubscription);
  settings.ack_deadline = seconds(20);
  ASSERT_TRUE(harness.broker().UpdateSubscription(settings).ok());
  ASSERT_TRUE(harness.PublishTexts({"a"}).ok());
  ASSERT_TRUE(harness.broker().DeleteSubscription(other.name).ok());
  EXPECT_THAT(told, ElementsAre(other.name, kSubscription, other.name + " gone"));
  harness.broker().WatchSubscriptions(nullptr);
  ASSERT_TRUE(harness.broker().UpdateSubscription(settings).ok());
  EXPECT_EQ(told.size(), 3);
}

TEST(Watch, AStepOfTheClockExpiresSubscriptionsBeforeItReturns) {
  BrokerHarness harness;
  harness.CreateTopic();
  SubscriptionSettings settings;
  settings.expiration_ttl = std::chrono::hours(24);
  harness.Subscribe(settings);
  harness.broker().AllowCleaning();
  harness.clock().Advance(std::chrono::hours(23));
  harness.broker().ClockStepped();
  EXPECT_TRUE(harness.broker().GetSubscription(kSubscription).ok());
  harness.clock().Advance(std::chrono::hours(1));
  harness.broker().ClockStepped();
  EXPECT_TRUE(absl::IsNotFound(harness.broker().GetSubscription(kSubscription).status()));
}

TEST(Stats, CountPublishesDeliveriesAndAcks) {
  BrokerHarness harness;
  harness.CreateTopic();
  harness.Subscribe();
  ASSERT_TRUE(harness.PublishTexts({std::string(300, 'x'), "y"}).ok());
  auto consumer = harness.Open();
  auto ids = harness.Next(*consumer)->ack_ids();
  ASSERT_EQ(ids.size(), 2);
  ASSERT_TRUE(harness.Modify({ids[0]}, seconds(0)).ok());
  ids[0] = harness.Next(*consumer)->ack_ids().at(0);
  harness.Advance(seconds(2));
  ASSERT_TRUE(harness.Ack(ids).ok());
  const BrokerStats stats = harness.broker().Stats();
  ASSERT_EQ(stats.topics.size(), 1);
  EXPECT_EQ(stats.topics[0].messages, 2);
  EXPECT_EQ(stats.topics[0].bytes, 301);
  EXPECT_EQ(stats.topics[0].size_counts[0], 1);
  EXPECT_EQ(stats.topics[0].size_counts[1], 1);
  ASSERT_EQ(stats.subscriptions.size(), 1);
  EXPECT_EQ(stats.subscriptions[0].sent, 3);
  EXPECT_EQ(stats.subscriptions[0].sent_bytes, 601);
  EXPECT_EQ(stats.subscriptions[0].acked, 2);
  EXPECT_NEAR(stats.subscriptions[0].ack_latency_seconds, 4, 0.001);
  ASSERT_TRUE(harness.Ack(ids).ok());
  EXPECT_EQ(harness.broker().Stats().subscriptions[0].acked, 2);
}

}  // namespace
}  // namespace afluente::broker
