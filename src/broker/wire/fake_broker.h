#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "broker/publisher.h"
#include "broker/subscriptions.h"
#include "broker/topics.h"

namespace afluente::broker::wire {

// A broker in memory behind the three ports, for the door's tests: keeps topics, subscriptions and
// messages, and holds or fails what a test asks. Thread-safe; callbacks run without its lock.
class FakeBroker final : public Publisher, public Topics, public Subscriptions {
 public:
  // The next publishes are answered only by ReleasePublishes, or with `error`.
  void HoldPublishes() {
    Locked([&] { hold_ = true; });
  }
  void FailPublishes(absl::Status error) {
    Locked([&] { publish_error_ = std::move(error); });
  }
  void ReleasePublishes() {
    std::vector<absl::AnyInvocable<void()>> held;
    Locked([&] { hold_ = false, held.swap(held_); });
    for (auto& answer : held) answer();
  }
  std::set<std::string> acknowledged() {
    return Locked([&] { return acknowledged_; });
  }
  // Every deadline that was asked for, by ack id, in order.
  std::vector<std::pair<std::string, int64_t>> deadlines() {
    return Locked([&] { return deadlines_; });
  }
  // Waits until so many consumers are open; false after 10 s.
  bool AwaitConsumers(size_t count) {
    absl::MutexLock lock(&mutex_);
    auto reached = [this, count] { return consumers_.size() == count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
  }
  size_t open_consumers() {
    return Locked([&] { return consumers_.size(); });
  }
  ConsumerOptions last_consumer() {
    return Locked([&] { return last_options_; });
  }

  void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) override {
    std::vector<std::string> ids;
    absl::Status error;
    bool hold = false;
    Locked([&] {
      hold = hold_;
      error = publish_error_;
      if (error.ok() && !topics_.contains(std::string(topic))) error = NotFound(topic);
      for (event::Draft& draft : batch) {
        if (error.ok()) ids.push_back(Store(std::string(topic), std::move(draft)));
      }
    });
    auto answer = [done = std::move(done), error, ids = std::move(ids)]() mutable {
      error.ok() ? done(std::move(ids)) : done(error);
    };
    if (hold) return Locked([&] { held_.push_back(std::move(answer)); });
    answer();
    Wake();
  }

  absl::StatusOr<TopicSettings> CreateTopic(TopicSettings settings) override {
    absl::MutexLock lock(&mutex_);
    if (!topics_.emplace(settings.name, settings).second)
      return absl::AlreadyExistsError(absl::StrCat("Already exists: ", settings.name));
    return settings;
  }
  absl::StatusOr<TopicSettings> UpdateTopic(TopicSettings settings) override {
    absl::MutexLock lock(&mutex_);
    return topics_[settings.name] = settings;
  }
  absl::Status DeleteTopic(std::string_view name) override {
    absl::MutexLock lock(&mutex_);
    return topics_.erase(std::string(name)) == 0 ? NotFound(name) : absl::OkStatus();
  }
  absl::StatusOr<TopicSettings> GetTopic(std::string_view name) const override {
    absl::MutexLock lock(&mutex_);
    auto it = topics_.find(std::string(name));
    if (it == topics_.end()) return NotFound(name);
    return it->second;
  }
  absl::StatusOr<Page<TopicSettings>> ListTopics(std::string_view, size_t page_size,
                                                 std::string_view page_token) const override {
    absl::MutexLock lock(&mutex_);
    return List(topics_, page_size, page_token);
  }
  absl::StatusOr<Page<std::string>> ListTopicSubscriptions(std::string_view topic, size_t,
                                                           std::string_view) const override {
    absl::MutexLock lock(&mutex_);
    Page<std::string> page;
    for (const auto& [name, subscription] : subscriptions_) {
      if (subscription.settings.topic == topic) page.items.push_back(name);
    }
    return page;
  }
  absl::StatusOr<std::unique_ptr<TopicReader>> OpenReader(std::string_view,
                                                          std::optional<TopicPosition>) override {
    return absl::UnimplementedError("The fake has no readers.");
  }

  absl::StatusOr<SubscriptionSettings> CreateSubscription(SubscriptionSettings settings) override {
    absl::MutexLock lock(&mutex_);
    if (!topics_.contains(settings.topic)) return NotFound(settings.topic);
    if (subscriptions_.contains(settings.name)) return absl::AlreadyExistsError("Already exists.");
    subscriptions_[settings.name].settings = settings;
    return settings;
  }
  absl::StatusOr<SubscriptionSettings> UpdateSubscription(SubscriptionSettings settings) override {
    absl::MutexLock lock(&mutex_);
    return subscriptions_[settings.name].settings = settings;
  }
  absl::Status DeleteSubscription(std::string_view name) override {
    std::vector<std::pair<Consumer::Ready, absl::Status>> ended;
    Locked([&] {
      subscriptions_.erase(std::string(name));
      for (auto* consumer : consumers_) {
        if (consumer->subscription == name && consumer->waiting)
          ended.emplace_back(std::exchange(consumer->waiting, nullptr), NotFound(name));
      }
    });
    for (auto& [ready, status] : ended) ready(status);
    return absl::OkStatus();
  }
  absl::StatusOr<SubscriptionSettings> GetSubscription(std::string_view name) const override {
    absl::MutexLock lock(&mutex_);
    auto it = subscriptions_.find(std::string(name));
    if (it == subscriptions_.end()) return NotFound(name);
    return it->second.settings;
  }
  absl::StatusOr<Page<SubscriptionSettings>> ListSubscriptions(
      std::string_view, size_t page_size, std::string_view page_token) const override {
    absl::MutexLock lock(&mutex_);
    std::map<std::string, SubscriptionSettings> all;
    for (const auto& [name, subscription] : subscriptions_) all[name] = subscription.settings;
    return List(all, page_size, page_token);
  }
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(std::string_view subscription,
                                                         ConsumerOptions options) override {
    absl::MutexLock lock(&mutex_);
    if (!subscriptions_.contains(std::string(subscription))) return NotFound(subscription);
    last_options_ = options;
    return std::make_unique<FakeConsumer>(*this, std::string(subscription));
  }
  void Acknowledge(std::string_view subscription, std::vector<std::string> ack_ids,
                   Done done) override {
    bool found = Locked([&] {
      acknowledged_.insert(ack_ids.begin(), ack_ids.end());
      return subscriptions_.contains(std::string(subscription));
    });
    done(found ? absl::OkStatus() : NotFound(subscription));
  }
  void ModifyAckDeadline(std::string_view, std::vector<std::string> ack_ids,
                         std::chrono::seconds deadline, Done done) override {
    Locked([&] {
      for (std::string& id : ack_ids) deadlines_.emplace_back(std::move(id), deadline.count());
    });
    done(absl::OkStatus());
  }

 private:
  struct FakeSubscription {
    SubscriptionSettings settings;
    std::deque<std::shared_ptr<const event::Message>> pending;
  };

  class FakeConsumer final : public Consumer {
   public:
    FakeConsumer(FakeBroker& broker, std::string name)
        : subscription(std::move(name)), broker_(broker) {
      broker_.consumers_.insert(this);
    }
    ~FakeConsumer() override {
      Close();
      broker_.Locked([&] { broker_.consumers_.erase(this); });
    }
    void Next(size_t messages_max, size_t, Ready ready) override {
      const bool closed = broker_.Locked([&] {
        if (!closed_) waiting = std::move(ready), wanted = messages_max;
        return closed_;
      });
      if (closed) return ready(absl::CancelledError("Closed."));
      broker_.Wake();
    }
    void Close() override {
      Ready ready;
      broker_.Locked([&] { closed_ = true, ready = std::exchange(waiting, nullptr); });
      if (ready) ready(absl::CancelledError("Closed."));
    }

    const std::string subscription;
    Ready waiting;
    size_t wanted = 0;

   private:
    FakeBroker& broker_;
    bool closed_ = false;
  };

  template <typename Body>
  std::invoke_result_t<Body> Locked(Body body) {
    absl::MutexLock lock(&mutex_);
    return body();
  }
  static absl::Status NotFound(std::string_view name) {
    return absl::NotFoundError(
        absl::StrCat("Resource not found (resource=", std::string(name), ")."));
  }
  template <typename Item>
  static Page<Item> List(const std::map<std::string, Item>& all, size_t page_size,
                         std::string_view token) {
    Page<Item> page;
    for (auto it = all.upper_bound(std::string(token)); it != all.end(); ++it) {
      if (page.items.size() == page_size) {
        page.next_page_token = page.items.back().name;
        break;
      }
      page.items.push_back(it->second);
    }
    return page;
  }
  std::string Store(const std::string& topic, event::Draft draft) {
    auto message = std::make_shared<event::Message>();
    message->data = std::move(draft.data);
    message->attributes = std::move(draft.attributes);
    message->ordering_key = std::move(draft.ordering_key);
    message->message_id = absl::StrCat(++last_id_);
    message->publish_time = host::WallTime(std::chrono::microseconds(1'700'000'000'000'001));
    for (auto& [name, subscription] : subscriptions_) {
      if (subscription.settings.topic == topic) subscription.pending.push_back(message);
    }
    return message->message_id;
  }
  // Gives pending messages to waiting consumers, outside the lock.
  void Wake() {
    std::vector<std::pair<Consumer::Ready, std::vector<Delivered>>> given;
    Locked([&] {
      for (FakeConsumer* consumer : consumers_) {
        auto found = subscriptions_.find(consumer->subscription);
        if (!consumer->waiting || found == subscriptions_.end()) continue;
        auto& pending = found->second.pending;
        if (pending.empty()) continue;
        std::vector<Delivered> batch;
        for (; !pending.empty() && batch.size() < consumer->wanted; pending.pop_front())
          batch.push_back({"ack-" + pending.front()->message_id, pending.front(), 0});
        given.emplace_back(std::exchange(consumer->waiting, nullptr), std::move(batch));
      }
    });
    for (auto& [ready, batch] : given) ready(std::move(batch));
  }

  mutable absl::Mutex mutex_;
  std::map<std::string, TopicSettings> topics_;
  std::map<std::string, FakeSubscription> subscriptions_;
  std::set<FakeConsumer*> consumers_;
  std::set<std::string> acknowledged_;
  std::vector<std::pair<std::string, int64_t>> deadlines_;
  std::vector<absl::AnyInvocable<void()>> held_;
  absl::Status publish_error_;
  ConsumerOptions last_options_;
  bool hold_ = false;
  uint64_t last_id_ = 0;
};

}  // namespace afluente::broker::wire
