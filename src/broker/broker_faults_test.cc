#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "broker/small_broker.h"
#include "gtest/gtest.h"
#include "host/faulty_file_system.h"
#include "host/manual_clock.h"

// I1, I5, I6, I8 of the broker on the real journal: disks that fail, fill up, tear writes or lose
// their power, under publishing, acking, creating and deleting. AFLUENTE_SEED replays a run,
// AFLUENTE_FAULT_ROUNDS makes it longer (`make soak`).
namespace afluente::broker {
namespace {

using host::FaultyFileSystem;

uint64_t Variable(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

// What is known of something whose record may or may not have been answered.
enum class Known { kNo, kMaybe, kYes };

// Drives a broker through lives that end badly, and knows what it must and must not show.
class FaultModel {
 public:
  FaultModel(FaultyFileSystem& files, uint64_t seed) : files_(files), random_(seed) {}

  absl::Status Open() {
    Close();
    // Sometimes all is read from disk.
    auto broker = OpenSmallBroker(files_, clock_, random_() % 2 == 0 ? 0 : 1 << 20);
    if (!broker.ok()) return broker.status();
    broker_ = *std::move(broker);
    return absl::OkStatus();
  }
  void Close() { broker_ = nullptr; }
  bool open() const { return broker_ != nullptr; }

  // One thing that a client or the keeper does, whatever comes of it.
  void Act() {
    switch (random_() % 10) {
      case 0:
        return CreateQueue();
      case 1:
        return DeleteQueue();
      case 2:
      case 3:
      case 4:
        return AckSome();
      case 5:
        return broker_->RunKeeper();
      default:
        return PublishSome();
    }
  }

  // Compares all that the broker shows with what it was told; what may have been is settled by what
  // is seen now.
  void Check() {
    for (auto& [name, queue] : queues_) {
      SCOPED_TRACE(name);
      bool there = broker_->GetSubscription(Subscription(name)).ok();
      EXPECT_TRUE(there ? queue.there != Known::kNo : queue.there != Known::kYes)
          << (there ? "a deleted subscription is back" : "a subscription is lost");
      queue.there = there ? Known::kYes : Known::kNo;
      if (there) CheckMessages(name, queue);
    }
  }
  size_t answered() const { return answered_; }

 private:
  struct Message {
    Known published = Known::kMaybe;
    Known acked = Known::kNo;
  };
  struct Queue {
    Known there = Known::kMaybe;
    std::map<std::string, Message> messages;
  };

  static std::string Topic(const std::string& name) {
    return absl::StrCat("projects/p/topics/", name);
  }
  static std::string Subscription(const std::string& name) {
    return absl::StrCat("projects/p/subscriptions/", name);
  }

  void CreateQueue() {
    std::string name = absl::StrCat("queue", ++last_queue_);
    TopicSettings topic;
    topic.name = Topic(name);
    SubscriptionSettings subscription;
    subscription.name = Subscription(name);
    subscription.topic = topic.name;
    if (!broker_->CreateTopic(topic).ok()) return;
    absl::Status created = broker_->CreateSubscription(subscription).status();
    queues_[name].there = created.ok() ? Known::kYes : Known::kMaybe;
  }

  void DeleteQueue() {
    auto queue = SomeQueue();
    if (queue == queues_.end() || random_() % 2 == 0) return;
    if (random_() % 2 == 0) (void)broker_->DeleteTopic(Topic(queue->first));
    absl::Status deleted = broker_->DeleteSubscription(Subscription(queue->first));
    queue->second.there = deleted.ok() ? Known::kNo : Known::kMaybe;
  }

  void PublishSome() {
    auto queue = SomeQueue();
    if (queue == queues_.end()) return;
    std::vector<event::Draft> drafts;
    std::vector<std::string> texts;
    for (uint64_t i = 0; i <= random_() % 4; ++i) {
      texts.push_back(absl::StrCat("message", ++last_message_, std::string(random_() % 300, '.')));
      drafts.push_back({texts.back(), {}, ""});
    }
    absl::Status answer;
    Await([&](absl::Notification& done) {
      broker_->Publish(Topic(queue->first), std::move(drafts), [&](auto ids) {
        answer = ids.status();
        done.Notify();
      });
    });
    if (absl::IsNotFound(answer)) return;
    for (const std::string& text : texts) {
      queue->second.messages[text].published = answer.ok() ? Known::kYes : Known::kMaybe;
      if (answer.ok()) ++answered_;
    }
  }

  void AckSome() {
    auto queue = SomeQueue();
    if (queue == queues_.end()) return;
    std::vector<std::string> acks;
    std::vector<Message*> acked;
    for (const Delivered& each : Pull(queue->first, 1 + random_() % 5)) {
      Message& message = queue->second.messages[each.message->data];
      EXPECT_NE(message.acked, Known::kYes) << each.message->data << " came back";
      acks.push_back(each.ack_id);
      acked.push_back(&message);
    }
    absl::Status answer;
    Await([&](absl::Notification& done) {
      broker_->Acknowledge(Subscription(queue->first), acks, [&](absl::Status status) {
        answer = std::move(status);
        done.Notify();
      });
    });
    for (Message* message : acked) message->acked = answer.ok() ? Known::kYes : Known::kMaybe;
  }

  // On this thread half of the time, as the door lends it.
  void Await(absl::FunctionRef<void(absl::Notification&)> start) {
    absl::Notification done;
    if (random_() % 2 == 0) {
      broker_->Lend([&] { start(done); });
    } else {
      start(done);
    }
    done.WaitForNotification();
  }

  std::vector<Delivered> Pull(const std::string& name, size_t messages_max) {
    auto consumer = broker_->OpenConsumer(Subscription(name), {});
    if (!consumer.ok()) return {};
    std::vector<Delivered> delivered;
    absl::Status answer;
    (*consumer)->Next(messages_max, 1 << 20, [&](absl::StatusOr<std::vector<Delivered>> ready) {
      answer = ready.status();
      if (ready.ok()) delivered = *std::move(ready);
    });
    broker_->RunDeliveries();
    last_pull_ = answer;
    return delivered;
  }

  void CheckMessages(const std::string& name, Queue& queue) {
    // Those whose ack was refused are under a lease until then.
    clock_.Advance(std::chrono::minutes(1));
    broker_->RunDeliveries();
    std::set<std::string> seen;
    std::vector<std::string> ack_ids;
    while (true) {
      std::vector<Delivered> delivered = Pull(name, 1000);
      EXPECT_TRUE(last_pull_.ok()) << last_pull_;
      if (delivered.empty()) break;
      for (const Delivered& each : delivered) {
        EXPECT_TRUE(seen.insert(each.message->data).second) << "twice: " << each.message->data;
        ack_ids.push_back(each.ack_id);
      }
    }
    broker_->ModifyAckDeadline(Subscription(name), ack_ids, std::chrono::seconds(0),
                               [](const absl::Status&) {});
    for (const std::string& text : seen)
      EXPECT_EQ(queue.messages.count(text), 1) << "never published: " << text;
    for (auto& [text, message] : queue.messages) {
      bool shown = seen.count(text) > 0;
      if (shown) {
        EXPECT_NE(message.published, Known::kNo) << "was gone, and is back: " << text;
        EXPECT_NE(message.acked, Known::kYes) << "was acked, and is back: " << text;
        message.published = Known::kYes;
        message.acked = Known::kNo;
        continue;
      }
      EXPECT_FALSE(message.published == Known::kYes && message.acked == Known::kNo)
          << "lost: " << text;
      if (message.acked == Known::kNo) message.published = Known::kNo;
      if (message.acked == Known::kMaybe) message.acked = Known::kYes;
    }
  }

  std::map<std::string, Queue>::iterator SomeQueue() {
    if (queues_.empty()) return queues_.end();
    return std::next(queues_.begin(), static_cast<int64_t>(random_() % queues_.size()));
  }

  FaultyFileSystem& files_;
  std::mt19937_64 random_;
  host::ManualClock clock_;
  std::map<std::string, Queue> queues_;
  uint64_t last_queue_ = 0;
  uint64_t last_message_ = 0;
  size_t answered_ = 0;
  absl::Status last_pull_;
  std::unique_ptr<EmbeddedBroker> broker_;
};

void Live(FaultModel& model, int acts) {
  if (!model.Open().ok() && !model.Open().ok()) return;
  for (int i = 0; i < acts; ++i) model.Act();
}

TEST(BrokerFaults, AnyOneOperationMayFail) {
  uint64_t nth = 1;
  for (;; ++nth) {
    SCOPED_TRACE(testing::Message() << "operation " << nth);
    FaultyFileSystem files(nth);
    FaultModel model(files, 7);
    files.FailOperation(nth);
    Live(model, 60);
    Live(model, 20);
    const bool struck = files.faults() > 0;
    files.FailOperation(0);
    if (nth % 2 == 0) {
      model.Close();
      files.PowerLoss();
    }
    ASSERT_TRUE(model.Open().ok());
    model.Check();
    if (!struck || testing::Test::HasFailure()) break;
  }
  EXPECT_GT(nth, 100u);
}

TEST(BrokerFaults, TheProcessOrThePowerMayFailAtAnyPoint) {
  const uint64_t seed = Variable("AFLUENTE_SEED", std::random_device()());
  const uint64_t rounds = Variable("AFLUENTE_FAULT_ROUNDS", 60);
  size_t answered = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(testing::Message() << "AFLUENTE_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    FaultyFileSystem files(seed + round);
    FaultModel model(files, seed + round);
    for (int life = 0; life < 6; ++life) {
      const uint64_t end = 20 + random() % 200;
      files.FailFrom(end);
      if (random() % 2 == 0) files.FailOperation(end - 1 - random() % 10);
      if (random() % 4 == 0) files.FailSyncs(random() % 3);
      Live(model, 80);
      model.Close();
      files.FailFrom(0);
      files.FailOperation(0);
      files.FailSyncs(0);
      if (random() % 2 == 0) files.PowerLoss();
      ASSERT_TRUE(model.Open().ok());
      model.Check();
      ASSERT_FALSE(testing::Test::HasFailure()) << "life " << life;
    }
    answered += model.answered();
  }
  // A broker that refuses everything would pass all the rest.
  EXPECT_GT(answered, rounds * 20);
  std::printf("%zu publishes were answered in %zu lives\n", answered,
              static_cast<size_t>(rounds * 6));
}

TEST(BrokerFaults, AFullDiskRefusesUntilThereIsRoom) {
  FaultyFileSystem files(3);
  FaultModel model(files, 3);
  files.SetCapacity(120'000);
  Live(model, 600);
  size_t before = model.answered();
  files.SetCapacity(uint64_t{1} << 40);
  ASSERT_TRUE(model.open());
  model.Check();
  for (int i = 0; i < 100; ++i) model.Act();
  EXPECT_GT(model.answered(), before + 20);
  model.Close();
  files.PowerLoss();
  ASSERT_TRUE(model.Open().ok());
  model.Check();
}

}  // namespace
}  // namespace afluente::broker
