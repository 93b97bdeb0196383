// Resources on a disk whose Nth operation fails, for every N, and whose power goes afterwards: what
// was answered is there.
#include "absl/synchronization/notification.h"
#include "broker/embedded_broker.h"
#include "broker/schema_revision.h"
#include "gtest/gtest.h"
#include "host/faulty_file_system.h"
#include "host/manual_clock.h"

namespace afluente::broker {
namespace {

constexpr char kTopic[] = "projects/p/topics/data";
constexpr char kAll[] = "projects/p/subscriptions/all";
constexpr char kOther[] = "projects/p/subscriptions/other";
constexpr char kSnapshot[] = "projects/p/snapshots/snap";
constexpr char kSchema[] = "projects/p/schemas/event";

class Script {
 public:
  explicit Script(host::FaultyFileSystem& files) : files_(files) {}

  bool Open() {
    broker_ = nullptr;
    EmbeddedBroker::Options options;
    options.threads = false;
    options.snapshot_every_bytes = 300;
    auto opened = EmbeddedBroker::Create(
        clock_, options,
        [&](log::Recovery& recovery) -> absl::StatusOr<std::unique_ptr<log::Journal>> {
          log::JournalOptions journal;
          journal.segment_bytes = 64 << 10;
          return log::Journal::Open(files_, "/journal", journal, recovery);
        });
    if (opened.ok()) broker_ = *std::move(opened);
    return opened.ok();
  }
  void Close() { broker_ = nullptr; }

  // Goes on after a refusal, so that what follows is tried without it.
  void Run() {
    TopicSettings topic;
    topic.name = kTopic;
    (void)broker_->CreateTopic(topic);
    for (const char* name : {kAll, kOther}) {
      SubscriptionSettings settings;
      settings.name = name;
      settings.topic = kTopic;
      settings.retain_acked_messages = true;
      (void)broker_->CreateSubscription(settings);
    }
    published_ = broker_->GetSubscription(kAll).ok() && Publish();
    SnapshotSettings snapshot;
    snapshot.name = kSnapshot;
    snapped_ = broker_->CreateSnapshot(snapshot, kAll).ok();
    purged_ = broker_->Seek(kAll, clock_.Now() + std::chrono::hours(1)).ok();
    broker_->RunKeeper();
    back_ = snapped_ && broker_->Seek(kAll, std::string(kSnapshot)).ok();
    detached_ = broker_->DetachSubscription(kOther).ok();
    created_ =
        broker_->CreateSchema({kSchema, schema::SchemaLanguage::kAvro, R"("int")", "", {}}).ok();
    auto committed =
        broker_->CommitSchema({kSchema, schema::SchemaLanguage::kAvro, R"("int")", "", {}});
    if (committed.ok()) revision_ = committed->revision_id;
    broker_->RunKeeper();
    Policy policy;
    policy.bindings.push_back({"roles/viewer", {"allUsers"}, {}});
    auto set = broker_->SetPolicy(kTopic, policy);
    if (set.ok()) etag_ = set->etag;
  }

  void Check() {
    bool seek_back_tried = snapped_;
    if (published_ && (back_ || (purged_ && !seek_back_tried))) {
      EXPECT_EQ(Pulled(), back_ ? 1 : 0);
    }
    EXPECT_TRUE(!snapped_ || broker_->GetSnapshot(kSnapshot).ok());
    EXPECT_TRUE(!detached_ || broker_->GetSubscription(kOther)->detached);
    EXPECT_TRUE(!created_ || broker_->GetSchema(kSchema).ok());
    EXPECT_TRUE(revision_.empty() || broker_->GetSchema(kSchema)->revision_id == revision_);
    EXPECT_TRUE(etag_.empty() || broker_->GetPolicy(kTopic)->etag == etag_);
  }
  bool all_answered() const {
    return published_ && snapped_ && purged_ && back_ && detached_ && created_ &&
           !revision_.empty() && !etag_.empty();
  }

 private:
  bool Publish() {
    absl::Notification done;
    bool published = false;
    broker_->Publish(kTopic, {{"x", {}, ""}}, [&](absl::StatusOr<std::vector<std::string>> ids) {
      published = ids.ok();
      done.Notify();
    });
    done.WaitForNotification();
    return published;
  }
  size_t Pulled() {
    auto consumer = broker_->OpenConsumer(kAll, {});
    EXPECT_TRUE(consumer.ok()) << consumer.status();
    size_t count = 0;
    (*consumer)->Next(10, 1000, [&](absl::StatusOr<std::vector<Delivered>> ready) {
      if (ready.ok()) count = ready->size();
    });
    broker_->RunDeliveries();
    return count;
  }

  host::FaultyFileSystem& files_;
  host::ManualClock clock_;
  std::unique_ptr<EmbeddedBroker> broker_;
  bool published_ = false;
  bool snapped_ = false;
  bool purged_ = false;
  bool back_ = false;
  bool detached_ = false;
  bool created_ = false;
  std::string revision_;
  std::string etag_;
};

TEST(ResourcesFaults, WhatWasAnsweredOutlivesAnyOneFailure) {
  bool struck = true;
  for (uint64_t nth = 1; struck; ++nth) {
    SCOPED_TRACE(testing::Message() << "operation " << nth);
    host::FaultyFileSystem files(nth);
    Script script(files);
    files.FailOperation(nth);
    if (script.Open() || script.Open()) script.Run();
    struck = files.faults() > 0;
    files.FailOperation(0);
    script.Close();
    files.PowerLoss();
    ASSERT_TRUE(script.Open());
    script.Check();
    ASSERT_TRUE(struck || script.all_answered());
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(nth, 5000u);
  }
}

}  // namespace
}  // namespace afluente::broker
