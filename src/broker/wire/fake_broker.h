#pragma once

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
#include "broker/wire/fake_queues.h"

namespace afluente::broker::wire {

// A broker in memory behind the three ports, for the door's tests: keeps topics, subscriptions and
// messages, and holds or fails what a test asks. Thread-safe; callbacks run without its lock.
class FakeBroker final : public Publisher, public Topics, public Subscriptions {
 public:
  // Publishes are answered by ReleasePublishes only, or with `error`.
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
  // From now on acks and deadlines are answered per ack id, and these ack ids fail.
  void SetOrdered(bool ordered) { queues_.SetOrdered(ordered); }
  void SetExactlyOnce(bool exactly_once, std::map<std::string, AckFault> faults = {}) {
    Locked([&] { faults_ = std::move(faults); });
    queues_.SetExactlyOnce(exactly_once);
  }
  std::set<std::string> acknowledged() {
    return Locked([&] { return acknowledged_; });
  }
  // Every deadline that was asked for, by ack id, in order.
  std::vector<std::pair<std::string, int64_t>> deadlines() {
    return Locked([&] { return deadlines_; });
  }
  ConsumerOptions last_consumer() {
    return Locked([&] { return last_options_; });
  }
  const FakeQueues& queues() const { return queues_; }
  // Each waits for what it says; false after 10 s.
  bool AwaitAcknowledged(const std::string& ack_id) {
    return Await([&] { return acknowledged_.contains(ack_id); });
  }
  bool AwaitHeld(size_t count) {
    return Await([&] { return held_.size() == count; });
  }

  void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) override {
    absl::MutexLock publish_lock(&publish_mutex_);
    std::vector<std::string> ids;
    absl::Status error;
    bool hold = false;
    Locked([&] {
      hold = hold_;
      error = publish_error_;
      if (error.ok() && !topics_.contains(std::string(topic))) error = NotFound(topic);
    });
    for (event::Draft& draft : batch) {
      if (error.ok()) ids.push_back(Store(std::string(topic), std::move(draft)));
    }
    auto answer = [done = std::move(done), error, ids = std::move(ids)]() mutable {
      error.ok() ? done(std::move(ids)) : done(error);
    };
    if (hold) return Locked([&] { held_.push_back(std::move(answer)); });
    answer();
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
    return Find(topics_, name);
  }
  absl::StatusOr<Page<TopicSettings>> ListTopics(std::string_view, size_t page_size,
                                                 std::string_view page_token) const override {
    return List(topics_, page_size, page_token);
  }
  absl::StatusOr<Page<std::string>> ListTopicSubscriptions(std::string_view topic, size_t,
                                                           std::string_view) const override {
    absl::MutexLock lock(&mutex_);
    Page<std::string> page;
    for (const auto& [name, settings] : subscriptions_) {
      if (settings.topic == topic) page.items.push_back(name);
    }
    return page;
  }
  absl::Status DetachSubscription(std::string_view) override {
    return absl::UnimplementedError("The fake does not detach.");
  }
  absl::StatusOr<std::unique_ptr<TopicReader>> OpenReader(std::string_view,
                                                          std::optional<TopicPosition>) override {
    return absl::UnimplementedError("The fake has no readers.");
  }

  absl::StatusOr<SubscriptionSettings> CreateSubscription(SubscriptionSettings settings) override {
    absl::MutexLock lock(&mutex_);
    if (!topics_.contains(settings.topic)) return NotFound(settings.topic);
    if (!subscriptions_.emplace(settings.name, settings).second)
      return absl::AlreadyExistsError(absl::StrCat("Already exists: ", settings.name));
    return settings;
  }
  absl::StatusOr<SubscriptionSettings> UpdateSubscription(SubscriptionSettings settings) override {
    absl::MutexLock lock(&mutex_);
    return subscriptions_[settings.name] = settings;
  }
  absl::Status DeleteSubscription(std::string_view name) override {
    const std::string text(name);
    if (Locked([&] { return subscriptions_.erase(text); }) == 0) return NotFound(name);
    queues_.Drop(text, NotFound(name));
    return absl::OkStatus();
  }
  absl::StatusOr<SubscriptionSettings> GetSubscription(std::string_view name) const override {
    return Find(subscriptions_, name);
  }
  absl::StatusOr<Page<SubscriptionSettings>> ListSubscriptions(
      std::string_view, size_t page_size, std::string_view page_token) const override {
    return List(subscriptions_, page_size, page_token);
  }
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(std::string_view subscription,
                                                         ConsumerOptions options) override {
    const std::string text(subscription);
    if (!Find(subscriptions_, subscription).ok()) return NotFound(subscription);
    Locked([&] { last_options_ = options; });
    return queues_.Open(text);
  }
  void Acknowledge(std::string_view subscription, std::vector<std::string> ack_ids,
                   Done done) override {
    Locked([&] { acknowledged_.insert(ack_ids.begin(), ack_ids.end()); });
    AckAnswer answer = Answer(ack_ids);
    answer.status = Find(subscriptions_, subscription).status();
    done(std::move(answer));
  }
  void ModifyAckDeadline(std::string_view, std::vector<std::string> ack_ids,
                         std::chrono::seconds deadline, Done done) override {
    AckAnswer answer = Answer(ack_ids);
    Locked([&] {
      for (std::string& id : ack_ids) deadlines_.emplace_back(std::move(id), deadline.count());
    });
    done(std::move(answer));
  }

 private:
  AckAnswer Answer(const std::vector<std::string>& ack_ids) {
    AckAnswer answer;
    answer.exactly_once = queues_.exactly_once();
    Locked([&] {
      for (const std::string& id : ack_ids) {
        if (auto fault = faults_.find(id); fault != faults_.end())
          answer.failures.push_back({id, fault->second});
        else
          answer.successes.push_back(id);
      }
    });
    return answer;
  }
  template <typename Body>
  std::invoke_result_t<Body> Locked(Body body) {
    absl::MutexLock lock(&mutex_);
    return body();
  }
  template <typename Reached>
  bool Await(Reached reached) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
  }
  static absl::Status NotFound(std::string_view name) {
    return absl::NotFoundError(
        absl::StrCat("Resource not found (resource=", std::string(name), ")."));
  }
  template <typename Item>
  absl::StatusOr<Item> Find(const std::map<std::string, Item>& all, std::string_view name) const {
    absl::MutexLock lock(&mutex_);
    auto it = all.find(std::string(name));
    if (it == all.end()) return NotFound(name);
    return it->second;
  }
  template <typename Item>
  Page<Item> List(const std::map<std::string, Item>& all, size_t page_size,
                  std::string_view token) const {
    absl::MutexLock lock(&mutex_);
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
    message->publish_time = host::WallTime(std::chrono::microseconds(1'700'000'000'000'001));
    std::vector<std::string> names;
    Locked([&] {
      message->message_id = absl::StrCat(++last_id_);
      for (const auto& [name, settings] : subscriptions_) {
        if (settings.topic == topic) names.push_back(name);
      }
    });
    for (const std::string& name : names) queues_.Push(name, message);
    return message->message_id;
  }

  absl::Mutex publish_mutex_;  // one publish at a time, so that a batch stays together
  mutable absl::Mutex mutex_;
  std::map<std::string, TopicSettings> topics_;
  std::map<std::string, SubscriptionSettings> subscriptions_;
  FakeQueues queues_;
  std::set<std::string> acknowledged_;
  std::map<std::string, AckFault> faults_;
  std::vector<std::pair<std::string, int64_t>> deadlines_;
  std::vector<absl::AnyInvocable<void()>> held_;
  absl::Status publish_error_;
  ConsumerOptions last_options_;
  bool hold_ = false;
  uint64_t last_id_ = 0;
};

}  // namespace afluente::broker::wire
