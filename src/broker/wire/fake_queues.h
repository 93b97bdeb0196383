#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/subscriptions.h"

namespace afluente::broker::wire {

// The messages that wait for each subscription of FakeBroker, and the consumers that wait for
// them. Thread-safe; consumers are answered without its lock.
class FakeQueues {
 public:
  void Push(const std::string& subscription, std::shared_ptr<const event::Message> message) {
    {
      absl::MutexLock lock(&mutex_);
      pending_[subscription].push_back(std::move(message));
    }
    Wake();
  }
  // Ends the subscription's waits with `status`.
  void Drop(const std::string& subscription, const absl::Status& status) {
    std::vector<Consumer::Ready> ended;
    {
      absl::MutexLock lock(&mutex_);
      pending_.erase(subscription);
      for (FakeConsumer* consumer : consumers_) {
        if (consumer->subscription == subscription && consumer->waiting)
          ended.push_back(std::exchange(consumer->waiting, nullptr));
      }
    }
    for (auto& ready : ended) ready(status);
  }
  std::unique_ptr<Consumer> Open(const std::string& subscription) {
    return std::make_unique<FakeConsumer>(*this, subscription);
  }

  // Those who want to know are told at once.
  void SetExactlyOnce(bool exactly_once) {
    exactly_once_ = exactly_once;
    std::vector<Consumer::Ready> told;
    {
      absl::MutexLock lock(&mutex_);
      for (FakeConsumer* consumer : consumers_) {
        if (consumer->waiting) told.push_back(std::exchange(consumer->waiting, nullptr));
      }
    }
    for (auto& ready : told) ready(std::vector<Delivered>());
  }
  bool exactly_once() const { return exactly_once_; }
  void SetOrdered(bool ordered) { ordered_ = ordered; }

  // Each waits for what it says; false after 10 s.
  bool AwaitConsumers(size_t count) const {
    return Await([this, count] { return consumers_.size() == count; });
  }
  bool AwaitWaiting() const {
    return Await([this] {
      return std::all_of(consumers_.begin(), consumers_.end(),
                         [](FakeConsumer* consumer) { return consumer->waiting != nullptr; });
    });
  }

 private:
  class FakeConsumer final : public Consumer {
   public:
    FakeConsumer(FakeQueues& queues, std::string name)
        : subscription(std::move(name)), queues_(queues) {
      absl::MutexLock lock(&queues_.mutex_);
      queues_.consumers_.insert(this);
    }
    ~FakeConsumer() override {
      Close();
      absl::MutexLock lock(&queues_.mutex_);
      queues_.consumers_.erase(this);
    }
    void Next(size_t messages_max, size_t bytes_max, Ready ready) override {
      {
        absl::MutexLock lock(&queues_.mutex_);
        messages_wanted = messages_max;
        bytes_wanted = bytes_max;
        if (!closed_) waiting = std::exchange(ready, nullptr);
      }
      if (ready)
        ready(absl::CancelledError("Closed."));
      else
        queues_.Wake();
    }
    void Close() override {
      Ready ready;
      {
        absl::MutexLock lock(&queues_.mutex_);
        closed_ = true;
        ready = std::exchange(waiting, nullptr);
      }
      if (ready) ready(absl::CancelledError("Closed."));
    }

    ConsumerProperties properties() const override {
      return {queues_.exactly_once_, queues_.ordered_};
    }

    const std::string subscription;
    Ready waiting;
    size_t messages_wanted = 0;
    size_t bytes_wanted = 0;

   private:
    FakeQueues& queues_;
    bool closed_ = false;
  };

  using Pending = std::deque<std::shared_ptr<const event::Message>>;

  template <typename Reached>
  bool Await(Reached reached) const {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
  }
  static std::vector<Delivered> Take(Pending& pending, const FakeConsumer& consumer) {
    std::vector<Delivered> batch;
    size_t bytes = 0;
    for (; !pending.empty() && batch.size() < consumer.messages_wanted; pending.pop_front()) {
      bytes += pending.front()->data.size();
      if (!batch.empty() && bytes > consumer.bytes_wanted) break;
      batch.push_back({"ack-" + pending.front()->message_id, pending.front(), 0});
    }
    return batch;
  }
  void Wake() {
    std::vector<std::pair<Consumer::Ready, std::vector<Delivered>>> given;
    {
      absl::MutexLock lock(&mutex_);
      for (FakeConsumer* consumer : consumers_) {
        auto found = pending_.find(consumer->subscription);
        if (!consumer->waiting || found == pending_.end() || found->second.empty()) continue;
        given.emplace_back(std::exchange(consumer->waiting, nullptr),
                           Take(found->second, *consumer));
      }
    }
    for (auto& [ready, batch] : given) ready(std::move(batch));
  }

  std::atomic<bool> exactly_once_{false};
  std::atomic<bool> ordered_{false};
  mutable absl::Mutex mutex_;
  std::map<std::string, Pending> pending_;
  std::set<FakeConsumer*> consumers_;
};

}  // namespace afluente::broker::wire
