// TopicReader, topics as resources, snapshots and cleaning.
#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> TextsOf(const absl::StatusOr<TopicReader::Batch>& batch) {
  std::vector<std::string> texts;
  if (!batch.ok()) return {std::string(batch.status().message())};
  for (const auto& message : *batch) texts.push_back(message->data);
  return texts;
}

EmbeddedBroker::Options Small() {
  EmbeddedBroker::Options options;
  options.memory_bytes_max = 2000;
  options.snapshot_every_bytes = 5000;
  return options;
}

class Reader : public ::testing::Test {
 protected:
  explicit Reader(EmbeddedBroker::Options options = {}) : harness_(options) {
    harness_.CreateTopic();
  }
  std::unique_ptr<TopicReader> Open(std::optional<TopicPosition> resume = std::nullopt) {
    auto reader = harness_.broker().OpenReader(kTopic, resume);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  absl::StatusCode Refusal(const TopicPosition& resume) {
    return harness_.broker().OpenReader(kTopic, resume).status().code();
  }
  BrokerHarness harness_;
};

TEST_F(Reader, ReadsInOrderWithinItsBounds) {
  harness_.PublishTexts({"a", "b"}).status().IgnoreError();
  harness_.PublishTexts({"c", "d"}).status().IgnoreError();
  auto reader = Open();
  EXPECT_THAT(TextsOf(reader->Read(0, 3, 1000)), ElementsAre("a", "b", "c"));
  EXPECT_THAT(TextsOf(reader->Read(1, 100, 2)), ElementsAre("b", "c"));
  EXPECT_THAT(TextsOf(reader->Read(3, 100, 0)), ElementsAre("d"));
  EXPECT_THAT(TextsOf(reader->Read(4, 100, 1000)), IsEmpty());
}

TEST_F(Reader, WaitsOnce) {
  auto reader = Open();
  int first = 0;
  int second = 0;
  reader->Wait(0, [&] { ++first; });
  reader->Wait(0, [&] { ++second; });
  harness_.PublishTexts({"a"}).status().IgnoreError();
  harness_.PublishTexts({"b"}).status().IgnoreError();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  reader->Wait(1, [&] { ++second; });
  EXPECT_EQ(second, 2);
  reader->Wait(2, [&] { ++second; });
  reader = nullptr;
  harness_.PublishTexts({"c"}).status().IgnoreError();
  EXPECT_EQ(second, 2);
}

TEST_F(Reader, ResumesAfterARestart) {
  harness_.PublishTexts({"a", "b", "c"}).status().IgnoreError();
  TopicPosition position = Open()->position_at(2);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(TextsOf(Open(position)->Read(2, 10, 100)), ElementsAre("c"));
}

TEST_F(Reader, RefusesPositionsThatAreNotIts) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  TopicPosition good = Open()->position_at(1);
  EXPECT_EQ(Refusal(good), absl::StatusCode::kOk);
  TopicPosition beyond = good;
  beyond.sequence = 2;
  EXPECT_EQ(Refusal(beyond), absl::StatusCode::kDataLoss);
  TopicPosition elsewhere = good;
  elsewhere.journal = "another";
  EXPECT_EQ(Refusal(elsewhere), absl::StatusCode::kDataLoss);
  TopicPosition unknown = good;
  unknown.incarnation = 99;
  EXPECT_EQ(Refusal(unknown), absl::StatusCode::kOutOfRange);
  harness_.CreateTopic("projects/p/topics/other");
  TopicPosition others = good;
  others.incarnation = good.incarnation + 1;
  EXPECT_EQ(Refusal(others), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(absl::IsNotFound(
      harness_.broker().OpenReader("projects/p/topics/none", std::nullopt).status()));
}

TEST_F(Reader, ADeletedTopicStaysReadable) {
  harness_.PublishTexts({"a", "b"}).status().IgnoreError();
  auto reader = Open();
  TopicPosition position = reader->position_at(1);
  ASSERT_TRUE(harness_.broker().DeleteTopic(kTopic).ok());
  harness_.CreateTopic();
  harness_.PublishTexts({"new"}).status().IgnoreError();
  EXPECT_THAT(TextsOf(reader->Read(0, 10, 100)), ElementsAre("a", "b"));
  reader = nullptr;
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(TextsOf(Open(position)->Read(1, 10, 100)), ElementsAre("b"));
  auto newer = Open();
  EXPECT_NE(newer->position_at(0).incarnation, position.incarnation);
  EXPECT_THAT(TextsOf(newer->Read(0, 10, 100)), ElementsAre("new"));
}

TEST_F(Reader, DamageGivesWhatLiesBeforeThenDataLossWithItsPlace) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  harness_.PublishTexts({"b"}).status().IgnoreError();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  harness_.disk().damaged.insert(std::prev(harness_.disk().records.end())->first);
  auto reader = Open();
  EXPECT_THAT(TextsOf(reader->Read(0, 10, 100)), ElementsAre("a"));
  auto damaged = reader->Read(1, 10, 100);
  EXPECT_TRUE(absl::IsDataLoss(damaged.status()));
}

TEST_F(Reader, ARecordOfTheWrongKindIsDataLoss) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  std::prev(harness_.disk().records.end())->second = Encode(ReleaseRecord{1});
  auto damaged = Open()->Read(0, 10, 100);
  EXPECT_TRUE(absl::IsDataLoss(damaged.status()));
  EXPECT_THAT(std::string(damaged.status().message()), HasSubstr("segment 1 offset"));
}

TEST_F(Reader, DamageBeforeTheStartIsReportedAtTheStart) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  harness_.disk().records.begin()->second[0] = 9;
  absl::Status status = harness_.CrashAndRestart();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("segment 1 offset 0"));
}

class Cleaning : public Reader {
 protected:
  Cleaning() : Reader(Small()) { harness_.broker().AllowCleaning(); }
  void PublishMany(int records = 100) {
    for (int i = 0; i < records; ++i)
      ASSERT_TRUE(harness_.PublishTexts({std::string(200, 'x')}).ok());
  }
  uint64_t FirstSegment() { return harness_.disk().records.begin()->first.segment; }
};

TEST_F(Cleaning, WhatNobodyNeedsGoesAndTheRestSurvives) {
  PublishMany();
  EXPECT_GT(FirstSegment(), 1);
  EXPECT_EQ(harness_.disk().snapshots.size(), 2);
  uint64_t first = Open()->first_sequence();
  EXPECT_GT(first, 1);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  auto reader = Open();
  EXPECT_EQ(reader->first_sequence(), first);
  EXPECT_EQ(reader->last_sequence(), 100);
  EXPECT_THAT(TextsOf(reader->Read(first - 1, 1000, 1 << 20)), SizeIs(101 - first));
  TopicPosition early = reader->position_at(first - 2);
  EXPECT_EQ(Refusal(early), absl::StatusCode::kOutOfRange);
}

TEST_F(Cleaning, APinKeepsMessages) {
  auto reader = Open();
  PublishMany();
  EXPECT_EQ(reader->first_sequence(), 1);
  reader->Pin(90);
  PublishMany(1);
  uint64_t first = reader->first_sequence();
  EXPECT_GT(first, 1);
  EXPECT_LE(first, 91);
  EXPECT_THAT(TextsOf(reader->Read(90, 1000, 1 << 20)), SizeIs(11));
}

TEST_F(Cleaning, ASubscriptionKeepsWhatIsNotAcked) {
  harness_.Subscribe();
  PublishMany();
  EXPECT_EQ(Open()->first_sequence(), 1);
  auto pulled = harness_.Pull();
  ASSERT_THAT(pulled.ack_ids(), SizeIs(100));
  auto ids = pulled.ack_ids();
  std::string kept = ids[0];
  ids.erase(ids.begin());
  ASSERT_TRUE(harness_.Ack(ids).ok());
  PublishMany(1);
  EXPECT_EQ(Open()->first_sequence(), 1);
  ASSERT_TRUE(harness_.Ack({kept}).ok());
  PublishMany(20);
  EXPECT_GT(Open()->first_sequence(), 1);
  EXPECT_EQ(harness_.Backlog(), 21);
}

TEST_F(Cleaning, ASubscriptionsRetentionEnds) {
  SubscriptionSettings settings;
  settings.message_retention = minutes(10);
  harness_.Subscribe(settings);
  PublishMany();
  harness_.Advance(minutes(11));
  PublishMany(40);
  EXPECT_GT(Open()->first_sequence(), 50);
  // What is gone is neither delivered nor counted.
  uint64_t backlog = harness_.Backlog();
  EXPECT_LT(backlog, 90);
  EXPECT_THAT(harness_.Pull().texts(), SizeIs(backlog));
}

TEST_F(Cleaning, LeasesOfMessagesThatWentEnd) {
  SubscriptionSettings settings;
  settings.message_retention = minutes(10);
  settings.enable_message_ordering = true;
  harness_.Subscribe(settings);
  std::vector<event::Draft> drafts;
  drafts.push_back(Text("a1", "a"));
  drafts.push_back(Text("a2", "a"));
  ASSERT_TRUE(harness_.Publish(std::move(drafts)).ok());
  auto pulled = harness_.Pull();
  harness_.Advance(minutes(9));
  ASSERT_THAT(harness_.Pull().texts(), ElementsAre("a1", "a2"));
  ASSERT_TRUE(harness_.Modify(harness_.Pull().ack_ids(), seconds(600)).ok());
  harness_.Advance(minutes(2));
  PublishMany();
  EXPECT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
  harness_.Advance(minutes(11));
  std::vector<event::Draft> later;
  later.push_back(Text("a3", "a"));
  ASSERT_TRUE(harness_.Publish(std::move(later)).ok());
  auto texts = harness_.Pull().texts();
  ASSERT_FALSE(texts.empty());
  EXPECT_EQ(texts.back(), "a3");
}

TEST_F(Cleaning, TopicRetentionKeepsMessages) {
  TopicSettings settings;
  settings.name = kTopic;
  settings.message_retention = minutes(10);
  ASSERT_TRUE(harness_.broker().UpdateTopic(settings).ok());
  PublishMany();
  EXPECT_EQ(Open()->first_sequence(), 1);
  harness_.Advance(minutes(11));
  PublishMany(40);
  EXPECT_GT(Open()->first_sequence(), 50);
}

TEST_F(Cleaning, ADeletedTopicIsForgottenWhenNobodyReadsIt) {
  harness_.PublishTexts({"a"}).status().IgnoreError();
  auto reader = Open();
  TopicPosition position = reader->position_at(0);
  ASSERT_TRUE(harness_.broker().DeleteTopic(kTopic).ok());
  harness_.Settle();
  EXPECT_EQ(Refusal(position), absl::StatusCode::kOk);
  reader = nullptr;
  harness_.Settle();
  EXPECT_EQ(Refusal(position), absl::StatusCode::kOutOfRange);
  harness_.CreateTopic();
  EXPECT_NE(Open()->position_at(0).incarnation, position.incarnation);
}

TEST_F(Cleaning, NothingGoesBeforeItIsAllowed) {
  PublishMany(5);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  PublishMany();
  EXPECT_EQ(FirstSegment(), 1);
}

TEST_F(Cleaning, ASnapshotThatFailsIsTriedAgain) {
  harness_.journal().RefuseSnapshots(absl::ResourceExhaustedError("full"));
  PublishMany();
  EXPECT_THAT(harness_.disk().snapshots, IsEmpty());
  EXPECT_EQ(FirstSegment(), 1);
  harness_.journal().RefuseSnapshots(absl::OkStatus());
  PublishMany(50);
  EXPECT_THAT(harness_.disk().snapshots, SizeIs(2));
  EXPECT_GT(FirstSegment(), 1);
}

TEST_F(Reader, TopicsAreResources) {
  EXPECT_TRUE(absl::IsAlreadyExists(
      harness_.broker().CreateTopic(*harness_.broker().GetTopic(kTopic)).status()));
  for (const char* id : {"aaa", "bbb", "ccc"})
    harness_.CreateTopic(std::string("projects/q/topics/") + id);
  auto first = *harness_.broker().ListTopics("projects/q", 2, "");
  ASSERT_THAT(first.items, SizeIs(2));
  EXPECT_EQ(first.items[1].name, "projects/q/topics/bbb");
  auto second = *harness_.broker().ListTopics("q", 2, first.next_page_token);
  ASSERT_THAT(second.items, SizeIs(1));
  EXPECT_EQ(second.next_page_token, "");
  EXPECT_TRUE(absl::IsInvalidArgument(
      harness_.broker().ListTopics("projects/q", 2, "projects/p/topics/x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.broker().ListTopics("", 2, "").status()));
  TopicSettings changed;
  changed.name = kTopic;
  changed.labels["team"] = "sea";
  ASSERT_TRUE(harness_.broker().UpdateTopic(changed).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.broker().GetTopic(kTopic)->labels, changed.labels);
  ASSERT_TRUE(harness_.broker().DeleteTopic(kTopic).ok());
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().DeleteTopic(kTopic)));
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().UpdateTopic(changed).status()));
}

TEST_F(Reader, SubscriptionsAreResources) {
  for (const char* id : {"aaa", "bbb", "ccc"}) {
    SubscriptionSettings settings;
    settings.name = std::string("projects/q/subscriptions/") + id;
    harness_.Subscribe(settings);
  }
  auto& broker = harness_.broker();
  auto names = *broker.ListTopicSubscriptions(kTopic, 2, "");
  EXPECT_THAT(names.items, SizeIs(2));
  names = *broker.ListTopicSubscriptions(kTopic, 2, names.next_page_token);
  EXPECT_THAT(names.items, ElementsAre("projects/q/subscriptions/ccc"));
  EXPECT_EQ(names.next_page_token, "");
  EXPECT_THAT(broker.ListSubscriptions("projects/q", 0, "")->items, SizeIs(3));
  auto settings = *broker.GetSubscription("projects/q/subscriptions/aaa");
  EXPECT_TRUE(absl::IsAlreadyExists(broker.CreateSubscription(settings).status()));
  settings.ack_deadline = seconds(99);
  ASSERT_TRUE(broker.UpdateSubscription(settings).ok());
  settings.enable_message_ordering = true;
  absl::Status refused = broker.UpdateSubscription(settings).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("enable_message_ordering"));
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.broker().GetSubscription("projects/q/subscriptions/aaa")->ack_deadline,
            seconds(99));
  settings.name = "projects/q/subscriptions/ddd";
  settings.topic = "projects/p/topics/none";
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().CreateSubscription(settings).status()));
}

TEST_F(Reader, StatsCount) {
  harness_.Subscribe();
  harness_.PublishTexts({"a", "b", "c"}).status().IgnoreError();
  harness_.Pull(2);
  harness_.Advance(seconds(5));
  BrokerStats stats = harness_.broker().Stats();
  ASSERT_THAT(stats.topics, SizeIs(1));
  EXPECT_EQ(stats.topics[0].published, 3);
  EXPECT_EQ(stats.topics[0].retained, 3);
  ASSERT_THAT(stats.subscriptions, SizeIs(1));
  EXPECT_EQ(stats.subscriptions[0].backlog, 3);
  EXPECT_EQ(stats.subscriptions[0].outstanding, 2);
  EXPECT_EQ(stats.subscriptions[0].oldest_unacked_age, seconds(5));
}

}  // namespace
}  // namespace afluente::broker
