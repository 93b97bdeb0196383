#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/embedded_broker.h"
#include "broker/memory_journal.h"
#include "gtest/gtest.h"
#include "host/manual_clock.h"

namespace afluente::broker {

inline constexpr char kTopic[] = "projects/p/topics/data";
inline constexpr char kSubscription[] = "projects/p/subscriptions/all";

inline event::Draft Text(std::string data, std::string key = "",
                         event::Attributes attributes = {}) {
  return {std::move(data), std::move(attributes), std::move(key)};
}

// A broker on a MemoryJournal and a ManualClock, without threads of its own: each call here runs
// what it causes to its end. For tests.
class BrokerHarness {
 public:
  using Ids = absl::StatusOr<std::vector<std::string>>;

  explicit BrokerHarness(EmbeddedBroker::Options options = {}) : options_(options) {
    options_.threads = false;
    EXPECT_TRUE(Start().ok());
  }
  ~BrokerHarness() { Stop(); }

  EmbeddedBroker& broker() { return *broker_; }
  MemoryJournal& journal() { return *journal_; }
  MemoryDisk& disk() { return *disk_; }
  host::ManualClock& clock() { return clock_; }

  absl::Status Start() {
    auto opened = EmbeddedBroker::Create(
        clock_, options_,
        [&](log::Recovery& recovery) -> absl::StatusOr<std::unique_ptr<log::Journal>> {
          auto journal = MemoryJournal::Open(disk_, recovery);
          if (!journal.ok()) return journal.status();
          journal_ = journal->get();
          return *std::move(journal);
        });
    if (opened.ok()) broker_ = *std::move(opened);
    return opened.status();
  }
  void Stop() { broker_ = nullptr; }
  // Loses what is not synced, but for the first `kept` records.
  absl::Status CrashAndRestart(size_t kept = 0) {
    journal_->Crash(kept);
    Stop();
    return Start();
  }

  void Settle() {
    journal_->Drain();
    broker_->RunDeliveries();
    if (!journal_->held()) broker_->RunKeeper();
    journal_->Drain();
  }
  void Advance(std::chrono::microseconds by) {
    clock_.Advance(by);
    Settle();
  }

  void CreateTopic(std::string name = kTopic) {
    TopicSettings settings;
    settings.name = std::move(name);
    ASSERT_TRUE(broker_->CreateTopic(std::move(settings)).ok());
  }
  void Subscribe(SubscriptionSettings settings = {}) {
    if (settings.name.empty()) settings.name = kSubscription;
    if (settings.topic.empty()) settings.topic = kTopic;
    auto created = broker_->CreateSubscription(std::move(settings));
    ASSERT_TRUE(created.ok()) << created.status();
  }

  Ids Publish(std::vector<event::Draft> drafts, std::string_view topic = kTopic) {
    // Shared: with the journal held, the answer comes later or never.
    auto answer = std::make_shared<Ids>(absl::UnknownError("not answered"));
    broker_->Publish(topic, std::move(drafts), [answer](Ids ids) { *answer = std::move(ids); });
    Settle();
    return *answer;
  }
  Ids PublishTexts(const std::vector<std::string>& texts, std::string_view topic = kTopic) {
    std::vector<event::Draft> drafts;
    for (const std::string& text : texts) drafts.push_back(Text(text));
    return Publish(std::move(drafts), topic);
  }

  std::unique_ptr<Consumer> Open(ConsumerOptions options = {},
                                 std::string_view subscription = kSubscription) {
    auto consumer = broker_->OpenConsumer(subscription, options);
    EXPECT_TRUE(consumer.ok()) << consumer.status();
    return *std::move(consumer);
  }

  // One Next that may go on waiting.
  struct Answer {
    std::optional<absl::StatusOr<std::vector<Delivered>>> value;
    std::vector<std::string> texts() const {
      std::vector<std::string> all;
      if (!value || !value->ok()) return all;
      for (const Delivered& each : **value) all.push_back(each.message->data);
      return all;
    }
    std::vector<std::string> ack_ids() const {
      std::vector<std::string> all;
      if (!value || !value->ok()) return all;
      for (const Delivered& each : **value) all.push_back(each.ack_id);
      return all;
    }
  };
  std::shared_ptr<Answer> Next(Consumer& consumer, size_t messages_max = 1000,
                               size_t bytes_max = 10'000'000) {
    auto answer = std::make_shared<Answer>();
    consumer.Next(messages_max, bytes_max, [answer](absl::StatusOr<std::vector<Delivered>> ready) {
      answer->value = std::move(ready);
    });
    Settle();
    return answer;
  }
  // What a pull that does not wait gets.
  Answer Pull(size_t messages_max = 1000, std::string_view subscription = kSubscription) {
    auto consumer = Open({}, subscription);
    auto answer = Next(*consumer, messages_max);
    consumer = nullptr;
    return std::move(*answer);
  }

  AckAnswer Ack(std::vector<std::string> ids, std::string_view subscription = kSubscription) {
    auto answer = std::make_shared<AckAnswer>(absl::UnknownError("not answered"));
    broker_->Acknowledge(subscription, std::move(ids),
                         [answer](AckAnswer given) { *answer = std::move(given); });
    Settle();
    return *answer;
  }
  AckAnswer Modify(std::vector<std::string> ids, std::chrono::seconds deadline,
                   std::string_view subscription = kSubscription) {
    AckAnswer answer = absl::UnknownError("not answered");
    broker_->ModifyAckDeadline(subscription, std::move(ids), deadline,
                               [&](AckAnswer given) { answer = std::move(given); });
    Settle();
    return answer;
  }
  uint64_t Backlog(std::string_view subscription = kSubscription) {
    for (const SubscriptionStats& each : broker_->Stats().subscriptions) {
      if (each.name == subscription) return each.backlog;
    }
    return UINT64_MAX;
  }

 private:
  EmbeddedBroker::Options options_;
  host::ManualClock clock_;
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  MemoryJournal* journal_ = nullptr;
  std::unique_ptr<EmbeddedBroker> broker_;
};

}  // namespace afluente::broker
