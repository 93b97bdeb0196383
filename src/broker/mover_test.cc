// A journal that is mostly dead becomes short, whatever keeps its oldest segment.
#include "broker/broker_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using ::testing::ElementsAreArray;
using ::testing::SizeIs;

constexpr char kQuiet[] = "projects/p/topics/quiet";
constexpr char kForgotten[] = "projects/p/subscriptions/forgotten";
constexpr uint64_t kDeadBytesMax = 20'000;

EmbeddedBroker::Options Small() {
  EmbeddedBroker::Options options;
  options.memory_bytes_max = 0;
  options.snapshot_every_bytes = 3000;
  options.dead_bytes_max = kDeadBytesMax;
  return options;
}

// A topic whose subscription nobody reads, beside one that is busy.
class ForgottenSubscription : public ::testing::Test {
 protected:
  ForgottenSubscription() : harness_(Small()) {
    harness_.broker().AllowCleaning();
    harness_.CreateTopic();
    harness_.CreateTopic(kQuiet);
    SubscriptionSettings settings;
    settings.name = kForgotten;
    settings.topic = kQuiet;
    harness_.Subscribe(settings);
  }

  void PublishQuiet(const std::string& text) {
    std::vector<event::Draft> drafts;
    drafts.push_back(Text(text, "key-" + text, {{"attribute", text}}));
    auto ids = harness_.Publish(std::move(drafts), kQuiet);
    ASSERT_TRUE(ids.ok()) << ids.status();
    ids_.push_back((*ids)[0]);
    texts_.push_back(text);
    times_.push_back(harness_.clock().Now());
  }
  // Nobody keeps these.
  void PublishBusily(int bytes) {
    for (; bytes > 0; bytes -= 1000)
      ASSERT_TRUE(harness_.PublishTexts({std::string(1000, 'x')}).ok());
  }
  // All is there as it was published.
  void CheckQuiet() {
    auto pulled = harness_.Pull(1000, kForgotten);
    ASSERT_TRUE(pulled.value && pulled.value->ok());
    EXPECT_THAT(pulled.texts(), ElementsAreArray(texts_));
    for (size_t i = 0; i < std::min(texts_.size(), (*pulled.value)->size()); ++i) {
      const event::Message& message = *(**pulled.value)[i].message;
      EXPECT_EQ(message.message_id, ids_[i]);
      EXPECT_EQ(message.ordering_key, "key-" + texts_[i]);
      EXPECT_EQ(message.attributes, (event::Attributes{{"attribute", texts_[i]}}));
      EXPECT_EQ(message.publish_time, times_[i]);
    }
    harness_.Modify(pulled.ack_ids(), std::chrono::seconds(0), kForgotten).status.IgnoreError();
  }
  uint64_t Disk() { return harness_.journal().bytes_on_disk(); }

  BrokerHarness harness_;
  std::vector<std::string> ids_;
  std::vector<std::string> texts_;
  std::vector<host::WallTime> times_;
};

TEST_F(ForgottenSubscription, KeepsItsMessageAndNoOtherTopicsData) {
  PublishQuiet("kept");
  PublishBusily(400'000);
  EXPECT_LT(Disk(), 3 * kDeadBytesMax);
  CheckQuiet();
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  CheckQuiet();
}

TEST_F(ForgottenSubscription, KeepsManyThroughRestartsAndMovesThemAgainAndAgain) {
  for (int round = 0; round < 25; ++round) {
    for (int i = 0; i < 3; ++i) {
      PublishQuiet("m" + std::to_string(texts_.size()));
      harness_.clock().Advance(std::chrono::milliseconds(700));
    }
    PublishBusily(30'000);
    if (round % 8 == 7) {
      ASSERT_TRUE(harness_.CrashAndRestart().ok());
      harness_.broker().AllowCleaning();
    }
    EXPECT_LT(Disk(), 4 * kDeadBytesMax) << round;
  }
  CheckQuiet();
  // Once acked they go too.
  auto pulled = harness_.Pull(1000, kForgotten);
  ASSERT_THAT(pulled.texts(), SizeIs(texts_.size()));
  ASSERT_TRUE(harness_.Ack(pulled.ack_ids(), kForgotten).ok());
  PublishBusily(60'000);
  auto reader = harness_.broker().OpenReader(kQuiet, std::nullopt);
  ASSERT_TRUE(reader.ok());
  EXPECT_GT((*reader)->first_sequence(), 1);
}

TEST_F(ForgottenSubscription, IsFoundByItsPublishTimesStill) {
  for (int i = 0; i < 8; ++i) {
    PublishQuiet("m" + std::to_string(i));
    harness_.clock().Advance(std::chrono::milliseconds(400));
  }
  PublishBusily(200'000);
  ASSERT_TRUE(harness_.broker().Seek(kForgotten, SeekTarget(times_[5])).ok());
  EXPECT_THAT(harness_.Pull(1000, kForgotten).texts(), ElementsAreArray({"m5", "m6", "m7"}));
}

TEST_F(ForgottenSubscription, ARefusedMoveLosesNothing) {
  PublishQuiet("kept");
  PublishBusily(15'000);
  harness_.journal().Refuse(absl::UnavailableError("refused"));
  for (int i = 0; i < 5; ++i) harness_.broker().RunKeeper();
  harness_.journal().Refuse(absl::OkStatus());
  CheckQuiet();
  PublishBusily(100'000);
  EXPECT_LT(Disk(), 3 * kDeadBytesMax);
  CheckQuiet();
}

TEST_F(ForgottenSubscription, AReaderGoesOnWhileItsMessagesAreMoved) {
  for (int i = 0; i < 5; ++i) PublishQuiet("m" + std::to_string(i));
  auto reader = harness_.broker().OpenReader(kQuiet, std::nullopt);
  ASSERT_TRUE(reader.ok());
  for (uint64_t after = 0; after < 5; ++after) {
    auto batch = (*reader)->Read(after, 1, 1000);
    ASSERT_TRUE(batch.ok()) << batch.status();
    ASSERT_THAT(*batch, SizeIs(1));
    EXPECT_EQ((*batch)[0]->data, texts_[after]);
    PublishBusily(80'000);
  }
}

}  // namespace
}  // namespace afluente::broker
