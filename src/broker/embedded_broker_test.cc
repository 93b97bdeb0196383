#include "broker/embedded_broker.h"

#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Texts = std::vector<std::string>;

TEST(Publish, IsAnsweredWhenSyncedOnly) {
  BrokerHarness harness;
  harness.CreateTopic();
  auto reader = *harness.broker().OpenReader(kTopic, std::nullopt);
  harness.journal().Hold(true);
  EXPECT_TRUE(absl::IsUnknown(harness.PublishTexts({"a"}).status()));
  EXPECT_EQ(reader->last_sequence(), 0);
  harness.journal().Hold(false);
  harness.Settle();
  EXPECT_EQ(reader->last_sequence(), 1);
}

TEST(Publish, GivesDenseSequencesAndIdsThatAreNumbersAndUnique) {
  BrokerHarness harness;
  harness.CreateTopic();
  harness.CreateTopic("projects/p/topics/other");
  std::set<std::string> ids;
  for (const char* topic : {kTopic, "projects/p/topics/other"}) {
    for (int i = 0; i < 3; ++i) {
      auto published = harness.PublishTexts({"a", "b"}, topic);
      ASSERT_TRUE(published.ok());
      ids.insert(published->begin(), published->end());
    }
  }
  EXPECT_EQ(ids.size(), 12);
  for (const std::string& id : ids)
    EXPECT_EQ(id.find_first_not_of("0123456789"), std::string::npos) << id;
  auto reader = *harness.broker().OpenReader(kTopic, std::nullopt);
  auto batch = *reader->Read(0, 100, 1000);
  ASSERT_EQ(batch.size(), 6);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(batch[i]->sequence, i + 1);
    EXPECT_TRUE(ids.contains(batch[i]->message_id));
  }
}

TEST(Publish, ARefusedRecordLeavesNoGap) {
  BrokerHarness harness;
  harness.CreateTopic();
  ASSERT_TRUE(harness.PublishTexts({"a"}).ok());
  harness.journal().Refuse(absl::UnavailableError("disk"));
  EXPECT_TRUE(absl::IsUnavailable(harness.PublishTexts({"lost"}).status()));
  harness.journal().Refuse(absl::OkStatus());
  ASSERT_TRUE(harness.PublishTexts({"b"}).ok());
  auto reader = *harness.broker().OpenReader(kTopic, std::nullopt);
  auto batch = *reader->Read(0, 100, 1000);
  ASSERT_EQ(batch.size(), 2);
  EXPECT_EQ(batch[1]->data, "b");
  EXPECT_EQ(batch[1]->sequence, 2);
}

TEST(Publish, TimeNeverFalls) {
  BrokerHarness harness;
  harness.CreateTopic();
  ASSERT_TRUE(harness.PublishTexts({"a"}).ok());
  host::WallTime first = harness.clock().Now();
  harness.clock().SetWall(first - std::chrono::hours(1));
  ASSERT_TRUE(harness.PublishTexts({"b"}).ok());
  ASSERT_TRUE(harness.CrashAndRestart().ok());
  harness.clock().SetWall(first - std::chrono::hours(2));
  ASSERT_TRUE(harness.PublishTexts({"c"}).ok());
  auto reader = *harness.broker().OpenReader(kTopic, std::nullopt);
  auto batch = *reader->Read(0, 100, 1000);
  ASSERT_EQ(batch.size(), 3);
  for (const auto& message : batch) EXPECT_EQ(message->publish_time, first);
}

TEST(Publish, ErrorsNameTheResource) {
  BrokerHarness harness;
  absl::Status status = harness.PublishTexts({"a"}, "projects/p/topics/none").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(status.message(), HasSubstr("projects/p/topics/none"));
  EXPECT_TRUE(absl::IsInvalidArgument(harness.PublishTexts({"a"}, "nonsense").status()));
  harness.CreateTopic();
  EXPECT_TRUE(absl::IsInvalidArgument(harness.PublishTexts({}).status()));
}

TEST(Pull, DeliversUntilAcked) {
  BrokerHarness harness;
  harness.CreateTopic();
  harness.Subscribe();
  ASSERT_TRUE(harness.PublishTexts({"a", "b", "c"}).ok());
  auto first = harness.Pull(2);
  EXPECT_THAT(first.texts(), ElementsAre("a", "b"));
  EXPECT_THAT(harness.Pull().texts(), ElementsAre("c"));
  EXPECT_THAT(harness.Pull().texts(), IsEmpty());
  ASSERT_TRUE(harness.Ack({first.ack_ids()[0]}).ok());
  EXPECT_EQ(harness.Backlog(), 2);
  harness.Advance(std::chrono::seconds(10));
  EXPECT_THAT(harness.Pull().texts(), ElementsAre("b", "c"));
}

TEST(Pull, ANewSubscriptionSeesLaterMessagesOnly) {
  BrokerHarness harness;
  harness.CreateTopic();
  ASSERT_TRUE(harness.PublishTexts({"before"}).ok());
  harness.Subscribe();
  ASSERT_TRUE(harness.PublishTexts({"after"}).ok());
  EXPECT_THAT(harness.Pull().texts(), ElementsAre("after"));
}

TEST(Recovery, KeepsMessagesAndAcks) {
  BrokerHarness harness;
  harness.CreateTopic();
  harness.Subscribe();
  ASSERT_TRUE(harness.PublishTexts({"a", "b", "c"}).ok());
  auto pulled = harness.Pull();
  ASSERT_TRUE(harness.Ack({pulled.ack_ids()[1]}).ok());
  ASSERT_TRUE(harness.CrashAndRestart().ok());
  EXPECT_THAT(harness.Pull().texts(), ElementsAre("a", "c"));
}

TEST(Publish, AnsweredOnesMakeRoomForOthers) {
  EmbeddedBroker::Options options;
  options.publish_bytes_max = 4'000;
  BrokerHarness harness(options);
  harness.CreateTopic();
  // Far more in sum than may wait at a time.
  for (int i = 0; i < 20; ++i) {
    BrokerHarness::Ids ids = harness.Publish({Text(std::string(1'000, 'x'))});
    ASSERT_TRUE(ids.ok()) << i << ": " << ids.status();
  }
}

}  // namespace
}  // namespace afluente::broker
