// Seek, snapshots and detach, live and after restarts.
#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kSnapshot[] = "projects/p/snapshots/snap";

class Seek : public ::testing::Test {
 protected:
  explicit Seek(EmbeddedBroker::Options options = {}) : harness_(options) {}

  void Retaining() {
    harness_.CreateTopic();
    SubscriptionSettings settings;
    settings.retain_acked_messages = true;
    harness_.Subscribe(settings);
  }
  void Plain() {
    harness_.CreateTopic();
    harness_.Subscribe();
  }
  // Publishes each a millisecond after the one before; gives the time of the first.
  host::WallTime PublishSpaced(const std::vector<std::string>& texts) {
    host::WallTime first = harness_.clock().Now();
    for (const std::string& text : texts) {
      EXPECT_TRUE(harness_.PublishTexts({text}).ok());
      harness_.Advance(milliseconds(1));
    }
    return first;
  }
  void AckAll(std::string_view subscription = kSubscription) {
    auto answer = harness_.Pull(1000, subscription);
    ASSERT_TRUE(harness_.Ack(answer.ack_ids(), subscription).ok());
  }
  absl::Status SeekTo(SeekTarget target, std::string_view subscription = kSubscription) {
    absl::Status status = harness_.broker().Seek(subscription, target);
    harness_.Settle();
    return status;
  }
  absl::StatusOr<SnapshotSettings> Snap(std::string name = kSnapshot,
                                        std::string_view subscription = kSubscription) {
    SnapshotSettings settings;
    settings.name = std::move(name);
    return harness_.broker().CreateSnapshot(std::move(settings), subscription);
  }

  BrokerHarness harness_;
};

TEST_F(Seek, ToATimeIsExactWithinTheSecond) {
  Retaining();
  host::WallTime first = PublishSpaced({"a", "b", "c", "d", "e"});
  AckAll();
  ASSERT_TRUE(SeekTo(first + milliseconds(2)).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("c", "d", "e"));
  ASSERT_TRUE(SeekTo(first + milliseconds(2) + microseconds(1)).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("d", "e"));
  ASSERT_TRUE(SeekTo(first - hours(1)).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(harness_.Backlog(), 5);
}

TEST_F(Seek, ReadsTheTimesFromTheJournalWhenMemoryHasThemNoMore) {
  EmbeddedBroker::Options options;
  options.memory_bytes_max = 0;
  BrokerHarness small(options);
  small.CreateTopic();
  SubscriptionSettings settings;
  settings.retain_acked_messages = true;
  small.Subscribe(settings);
  host::WallTime first = small.clock().Now();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(small.PublishTexts({"m" + std::to_string(i), "x"}).ok());
    small.Advance(milliseconds(1));
  }
  ASSERT_TRUE(small.Ack(small.Pull().ack_ids()).ok());
  ASSERT_TRUE(small.broker().Seek(kSubscription, first + milliseconds(48)).ok());
  EXPECT_THAT(small.Pull().texts(), ElementsAre("m48", "x", "m49", "x"));
}

TEST_F(Seek, WhatWasAckedComesBackOnlyIfItHadToBeKept) {
  Plain();
  host::WallTime first = PublishSpaced({"a", "b"});
  auto pulled = harness_.Pull(1);
  ASSERT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
  ASSERT_TRUE(SeekTo(first).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b"));
}

TEST_F(Seek, TopicRetentionReplaysWhatWasBeforeTheSubscription) {
  TopicSettings topic;
  topic.name = kTopic;
  topic.message_retention = seconds(3600);
  ASSERT_TRUE(harness_.broker().CreateTopic(topic).ok());
  host::WallTime first = PublishSpaced({"a", "b"});
  harness_.Subscribe();
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  EXPECT_EQ(harness_.broker().GetSubscription(kSubscription)->topic_message_retention,
            seconds(3600));
  ASSERT_TRUE(SeekTo(first).ok());
  auto replayed = harness_.Pull();
  EXPECT_THAT(replayed.texts(), ElementsAre("a", "b"));
  ASSERT_TRUE(harness_.Ack(replayed.ack_ids()).ok());
  harness_.Advance(hours(2));
  ASSERT_TRUE(SeekTo(first).ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty()) << "older than the retention";
}

TEST_F(Seek, ItsOwnRetentionReplaysWhatCameInItsLifeAlone) {
  harness_.CreateTopic();
  host::WallTime first = PublishSpaced({"before"});
  SubscriptionSettings settings;
  settings.retain_acked_messages = true;
  harness_.Subscribe(settings);
  PublishSpaced({"after"});
  AckAll();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  ASSERT_TRUE(SeekTo(first).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("after"));
}

TEST_F(Seek, ToATimeToComePurgesWhatIsThere) {
  Retaining();
  PublishSpaced({"a", "b"});
  harness_.Pull(1);
  ASSERT_TRUE(SeekTo(harness_.clock().Now() + hours(1)).ok());
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
  EXPECT_EQ(harness_.Backlog(), 0);
  PublishSpaced({"c"});
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("c"));
}

TEST_F(Seek, EndsLeasesAndVoidsTheirAcks) {
  Retaining();
  host::WallTime first = PublishSpaced({"a"});
  auto before = harness_.Pull();
  ASSERT_TRUE(SeekTo(first).ok());
  auto again = harness_.Pull();
  EXPECT_THAT(again.texts(), ElementsAre("a")) << "its lease has ended";
  ASSERT_TRUE(harness_.Ack(before.ack_ids()).ok());
  harness_.Advance(seconds(10));
  again = harness_.Pull();
  EXPECT_THAT(again.texts(), ElementsAre("a")) << "the ack was of before the seek";
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  ASSERT_TRUE(harness_.Ack(before.ack_ids()).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a")) << "and so it is after a restart";
  ASSERT_TRUE(harness_.Ack(again.ack_ids()).ok());
  harness_.Advance(seconds(10));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
}

TEST_F(Seek, AcksCountAfterARestartAlthoughTheClockWasSetBack) {
  Retaining();
  host::WallTime first = PublishSpaced({"a"});
  harness_.Pull();
  ASSERT_TRUE(SeekTo(first).ok());
  harness_.clock().SetWall(first - hours(1));
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  auto pulled = harness_.Pull();
  ASSERT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
  EXPECT_EQ(harness_.Backlog(), 0);
}

TEST_F(Seek, GivesConsumersRoomAndWakesThem) {
  Retaining();
  host::WallTime first = PublishSpaced({"a"});
  ConsumerOptions options;
  options.outstanding_messages_max = 1;
  auto consumer = harness_.Open(options);
  EXPECT_THAT(harness_.Next(*consumer)->texts(), ElementsAre("a"));
  auto waiting = harness_.Next(*consumer);
  EXPECT_FALSE(waiting->value);
  ASSERT_TRUE(SeekTo(first).ok());
  EXPECT_THAT(waiting->texts(), ElementsAre("a"));
}

TEST_F(Seek, KeepsTheOrderOfKeysAndTheFilter) {
  harness_.CreateTopic();
  SubscriptionSettings settings;
  settings.retain_acked_messages = true;
  settings.enable_message_ordering = true;
  settings.filter = "attributes:audit";
  harness_.Subscribe(settings);
  host::WallTime first = harness_.clock().Now();
  for (const char* text : {"a1", "a2", "a3"})
    ASSERT_TRUE(harness_.Publish({Text(text, "a", {{"audit", ""}}), Text("no", "a")}).ok());
  auto one = harness_.Pull(1);
  ASSERT_TRUE(harness_.Ack(one.ack_ids()).ok());
  harness_.Pull(1);
  ASSERT_TRUE(SeekTo(first).ok());
  auto all = harness_.Pull();
  EXPECT_THAT(all.texts(), ElementsAre("a1", "a2", "a3"));
  ASSERT_TRUE(harness_.Ack(all.ack_ids()).ok());
  harness_.Settle();
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty());
}

TEST_F(Seek, IsAsDurableAsAnAck) {
  for (uint64_t every : {uint64_t{1}, uint64_t{64} << 20}) {
    EmbeddedBroker::Options options;
    options.snapshot_every_bytes = every;  // recovered from a snapshot, or from the records
    BrokerHarness harness(options);
    harness.CreateTopic();
    SubscriptionSettings settings;
    settings.retain_acked_messages = true;
    harness.Subscribe(settings);
    host::WallTime first = harness.clock().Now();
    ASSERT_TRUE(harness.PublishTexts({"a", "b"}).ok());
    auto pulled = harness.Pull();
    ASSERT_TRUE(harness.Ack(pulled.ack_ids()).ok());
    ASSERT_TRUE(harness.broker().Seek(kSubscription, first).ok());
    harness.Settle();
    ASSERT_TRUE(harness.CrashAndRestart().ok());
    EXPECT_THAT(harness.Pull().texts(), ElementsAre("a", "b"));
  }
}

TEST_F(Seek, IsRefusedByTheJournalWithoutAnEffect) {
  Retaining();
  PublishSpaced({"a"});
  harness_.journal().Refuse(absl::UnavailableError("refused"));
  EXPECT_TRUE(absl::IsUnavailable(SeekTo(harness_.clock().Now() + hours(1))));
  EXPECT_TRUE(absl::IsUnavailable(SeekTo(harness_.clock().Now())));
  EXPECT_TRUE(absl::IsUnavailable(Snap().status()));
  EXPECT_TRUE(absl::IsUnavailable(harness_.broker().DetachSubscription(kSubscription)));
  harness_.journal().Refuse(absl::OkStatus());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().GetSnapshot(kSnapshot).status()));
}

TEST_F(Seek, RefusesWhatIsNotThere) {
  Plain();
  EXPECT_TRUE(absl::IsNotFound(SeekTo(host::WallTime(), "projects/p/subscriptions/none")));
  EXPECT_TRUE(absl::IsInvalidArgument(SeekTo(host::WallTime(), "none")));
  EXPECT_TRUE(absl::IsNotFound(SeekTo(std::string(kSnapshot))));
  EXPECT_TRUE(absl::IsInvalidArgument(SeekTo(std::string("snap"))));
}

TEST_F(Seek, ASnapshotGivesTheAcksOfItsMoment) {
  Plain();
  PublishSpaced({"a", "b", "c"});
  auto one = harness_.Pull(1);
  ASSERT_TRUE(harness_.Ack(one.ack_ids()).ok());
  ASSERT_TRUE(Snap().ok());
  PublishSpaced({"d"});
  harness_.Advance(seconds(10));
  AckAll();
  EXPECT_EQ(harness_.Backlog(), 0);
  ASSERT_TRUE(SeekTo(std::string(kSnapshot)).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("b", "c", "d"));
  // Another subscription of the topic takes them over.
  SubscriptionSettings later;
  later.name = "projects/p/subscriptions/later";
  harness_.Subscribe(later);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  ASSERT_TRUE(SeekTo(std::string(kSnapshot), later.name).ok());
  EXPECT_THAT(harness_.Pull(1000, later.name).texts(), ElementsAre("b", "c", "d"));
}

TEST_F(Seek, ASnapshotLivesAWeekLessTheAgeOfItsBacklog) {
  harness_.CreateTopic();
  SubscriptionSettings settings;
  settings.message_retention = hours(31 * 24);
  harness_.Subscribe(settings);
  host::WallTime made = harness_.clock().Now();
  EXPECT_EQ(Snap("projects/p/snapshots/fresh")->expire_time, made + hours(7 * 24));
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  harness_.Advance(hours(3 * 24));
  auto aged = Snap();
  ASSERT_TRUE(aged.ok()) << aged.status();
  EXPECT_NEAR(static_cast<double>((aged->expire_time - made).count()),
              static_cast<double>(microseconds(hours(7 * 24)).count()), 1e6);
  harness_.Advance(hours(4 * 24 - 1) + seconds(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(Snap("projects/p/snapshots/late").status()));
}

TEST_F(Seek, AnExpiredSnapshotIsGone) {
  Plain();
  ASSERT_TRUE(Snap().ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Snap().status()));
  harness_.Advance(hours(7 * 24));
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().GetSnapshot(kSnapshot).status()));
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().DeleteSnapshot(kSnapshot)));
  EXPECT_TRUE(absl::IsNotFound(SeekTo(std::string(kSnapshot))));
  EXPECT_THAT(harness_.broker().ListSnapshots("projects/p", 10, "")->items, IsEmpty());
  EXPECT_TRUE(Snap().ok()) << "its name is free";
}

TEST_F(Seek, ASnapshotsLabelsAndExpiryCanChange) {
  Plain();
  SnapshotSettings settings = *Snap();
  settings.labels = {{"team", "sea"}};
  host::WallTime sooner = harness_.clock().Now() + seconds(60);
  std::swap(settings.expire_time, sooner);
  auto updated = harness_.broker().UpdateSnapshot(settings);
  ASSERT_TRUE(updated.ok()) << updated.status();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.broker().GetSnapshot(kSnapshot)->labels.at("team"), "sea");
  settings.expire_time = sooner;
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.broker().UpdateSnapshot(settings).status()))
      << "later than it was";
  harness_.Advance(seconds(60));
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().GetSnapshot(kSnapshot).status()));
}

TEST_F(Seek, ASnapshotOutlivesItsSubscriptionAndItsTopic) {
  Plain();
  PublishSpaced({"a"});
  ASSERT_TRUE(Snap().ok());
  SubscriptionSettings other;
  other.name = "projects/p/subscriptions/other";
  harness_.Subscribe(other);
  ASSERT_TRUE(harness_.broker().DeleteSubscription(kSubscription).ok());
  EXPECT_THAT(harness_.broker().ListTopicSnapshots(kTopic, 10, "")->items, ElementsAre(kSnapshot));
  ASSERT_TRUE(harness_.broker().DeleteTopic(kTopic).ok());
  harness_.broker().AllowCleaning();
  harness_.Settle();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(harness_.broker().GetSnapshot(kSnapshot)->topic, "_deleted-topic_");
  ASSERT_TRUE(SeekTo(std::string(kSnapshot), other.name).ok());
  EXPECT_THAT(harness_.Pull(1000, other.name).texts(), ElementsAre("a"));
  // The new topic of the old one's name is another.
  harness_.CreateTopic();
  harness_.Subscribe();
  EXPECT_THAT(harness_.broker().ListTopicSnapshots(kTopic, 10, "")->items, IsEmpty());
  EXPECT_TRUE(absl::IsFailedPrecondition(SeekTo(std::string(kSnapshot))));
}

TEST_F(Seek, ASnapshotPinsTheJournalUntilItExpires) {
  EmbeddedBroker::Options options;
  options.snapshot_every_bytes = 2000;
  BrokerHarness harness(options);
  harness.CreateTopic();
  harness.Subscribe();
  harness.broker().AllowCleaning();
  ASSERT_TRUE(harness.PublishTexts({"kept"}).ok());
  SnapshotSettings settings;
  settings.name = kSnapshot;
  ASSERT_TRUE(harness.broker().CreateSnapshot(settings, kSubscription).ok());
  auto publish_and_ack = [&] {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(harness.PublishTexts({std::string(200, 'x')}).ok());
      auto pulled = harness.Pull();
      ASSERT_TRUE(harness.Ack(pulled.ack_ids()).ok());
    }
  };
  publish_and_ack();
  EXPECT_EQ(harness.disk().records.begin()->first.segment, 1) << "the snapshot needs it";
  ASSERT_TRUE(harness.CrashAndRestart().ok());
  harness.broker().AllowCleaning();
  ASSERT_TRUE(harness.broker().Seek(kSubscription, std::string(kSnapshot)).ok());
  auto replayed = harness.Pull();
  ASSERT_EQ(replayed.texts().size(), 101);
  EXPECT_EQ(replayed.texts()[0], "kept");
  ASSERT_TRUE(harness.Ack(replayed.ack_ids()).ok());
  harness.Advance(hours(7 * 24));
  publish_and_ack();
  EXPECT_GT(harness.disk().records.begin()->first.segment, 1) << "the snapshot has expired";
}

TEST_F(Seek, ADetachedSubscriptionGetsNothingAndKeepsNothing) {
  Plain();
  PublishSpaced({"a", "b"});
  auto pulled = harness_.Pull(1);
  auto consumer = harness_.Open();
  harness_.Next(*consumer)->texts();
  auto waiting = harness_.Next(*consumer);
  ASSERT_TRUE(harness_.broker().DetachSubscription(kSubscription).ok());
  harness_.Settle();
  ASSERT_TRUE(waiting->value);
  EXPECT_TRUE(absl::IsFailedPrecondition(waiting->value->status()));
  auto next = harness_.Next(*consumer);
  ASSERT_TRUE(next->value);
  EXPECT_TRUE(absl::IsFailedPrecondition(next->value->status()));
  consumer = nullptr;
  for (int restart = 0; restart < 2; ++restart) {
    PublishSpaced({"later"});
    EXPECT_EQ(harness_.Backlog(), 0);
    EXPECT_TRUE(harness_.broker().GetSubscription(kSubscription)->detached);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(harness_.broker().OpenConsumer(kSubscription, {}).status()));
    EXPECT_TRUE(absl::IsFailedPrecondition(SeekTo(host::WallTime())));
    EXPECT_TRUE(absl::IsFailedPrecondition(Snap().status()));
    EXPECT_TRUE(harness_.Ack(pulled.ack_ids()).ok());
    EXPECT_THAT(harness_.broker().ListTopicSubscriptions(kTopic, 10, "")->items, IsEmpty());
    ASSERT_TRUE(harness_.CrashAndRestart().ok());
  }
  SubscriptionSettings settings = *harness_.broker().GetSubscription(kSubscription);
  settings.detached = false;
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.broker().UpdateSubscription(settings).status()));
  EXPECT_TRUE(harness_.broker().DeleteSubscription(kSubscription).ok());
}

TEST_F(Seek, NamesAreGivenWhereNoneIsSaid) {
  Plain();
  auto snapshot = Snap("");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->name, ::testing::StartsWith("projects/p/snapshots/s"));
  EXPECT_TRUE(harness_.broker().GetSnapshot(snapshot->name).ok());
  SubscriptionSettings settings;
  settings.topic = kTopic;
  auto subscription = harness_.broker().CreateSubscription(settings);
  ASSERT_TRUE(subscription.ok()) << subscription.status();
  EXPECT_THAT(subscription->name, ::testing::StartsWith("projects/p/subscriptions/s"));
}

}  // namespace
}  // namespace afluente::broker
