#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "broker/topics.h"

namespace afluente::function {

// One topic in memory, with readers on it. For tests; thread-safe.
class MemoryTopics final : public broker::Topics {
 public:
  void Publish(std::string data, event::Attributes attributes = {}) {
    std::vector<absl::AnyInvocable<void()>> ready;
    {
      absl::MutexLock lock(&mutex_);
      auto message = std::make_shared<event::Message>();
      message->data = std::move(data);
      message->attributes = std::move(attributes);
      message->sequence = current_->messages.size() + current_->lost + 1;
      message->message_id = current_->id_prefix + std::to_string(message->sequence);
      current_->messages.push_back(std::move(message));
      ready.swap(waiters_);
    }
    for (auto& callback : ready) callback();
  }

  // The journal has lost a message.
  void Lose(uint64_t sequence) {
    absl::MutexLock lock(&mutex_);
    std::erase_if(current_->messages,
                  [&](const auto& message) { return message->sequence == sequence; });
    ++current_->lost;
  }

  // Where readers were opened, and so what they pin.
  std::multiset<uint64_t> resumed_at() const {
    absl::MutexLock lock(&mutex_);
    return resumed_at_;
  }

  // Deletes the topic and creates one of the same name.
  void Recreate() {
    std::vector<absl::AnyInvocable<void()>> ready;
    {
      absl::MutexLock lock(&mutex_);
      current_->deleted = true;
      current_ = std::make_shared<Incarnation>();
      current_->id_prefix = "new";
      ready.swap(waiters_);
    }
    for (auto& callback : ready) callback();
  }

  absl::Status DetachSubscription(std::string_view) override { return Unused(); }
  absl::StatusOr<std::unique_ptr<broker::TopicReader>> OpenReader(
      std::string_view, std::optional<broker::TopicPosition> resume) override {
    if (resume && resume->journal != "j1") return absl::DataLossError("another journal");
    absl::MutexLock lock(&mutex_);
    if (resume) resumed_at_.insert(resume->sequence);
    return std::make_unique<Reader>(*this, current_);
  }

  absl::StatusOr<broker::TopicSettings> CreateTopic(broker::TopicSettings) override {
    return Unused();
  }
  absl::StatusOr<broker::TopicSettings> UpdateTopic(broker::TopicSettings) override {
    return Unused();
  }
  absl::Status DeleteTopic(std::string_view) override { return Unused(); }
  absl::StatusOr<broker::TopicSettings> GetTopic(std::string_view) const override {
    return Unused();
  }
  absl::StatusOr<broker::Page<broker::TopicSettings>> ListTopics(std::string_view, size_t,
                                                                 std::string_view) const override {
    return Unused();
  }
  absl::StatusOr<broker::Page<std::string>> ListTopicSubscriptions(
      std::string_view, size_t, std::string_view) const override {
    return Unused();
  }

 private:
  struct Incarnation {
    std::vector<std::shared_ptr<const event::Message>> messages;
    std::string id_prefix;
    uint64_t lost = 0;
    bool deleted = false;
  };

  class Reader final : public broker::TopicReader {
   public:
    Reader(MemoryTopics& topics, std::shared_ptr<Incarnation> incarnation)
        : topics_(topics), incarnation_(std::move(incarnation)) {}
    absl::StatusOr<Batch> Read(uint64_t after, size_t messages_max, size_t) override {
      absl::MutexLock lock(&topics_.mutex_);
      const auto& messages = incarnation_->messages;
      Batch batch;
      auto next = std::partition_point(messages.begin(), messages.end(), [&](const auto& message) {
        return message->sequence <= after;
      });
      for (; next != messages.end() && batch.size() < messages_max; ++next) batch.push_back(*next);
      return batch;
    }
    void Wait(uint64_t after, absl::AnyInvocable<void()> ready) override {
      {
        absl::MutexLock lock(&topics_.mutex_);
        if (incarnation_->messages.size() + incarnation_->lost <= after && !incarnation_->deleted) {
          topics_.waiters_.push_back(std::move(ready));
          return;
        }
      }
      ready();
    }
    void Pin(uint64_t) override {}
    uint64_t last_sequence() const override {
      absl::MutexLock lock(&topics_.mutex_);
      return incarnation_->messages.size() + incarnation_->lost;
    }
    uint64_t first_sequence() const override { return 1; }
    bool topic_deleted() const override {
      absl::MutexLock lock(&topics_.mutex_);
      return incarnation_->deleted;
    }
    broker::TopicPosition position_at(uint64_t after) const override { return {"j1", 1, after}; }

   private:
    MemoryTopics& topics_;
    const std::shared_ptr<Incarnation> incarnation_;
  };

  static absl::Status Unused() { return absl::UnimplementedError("not used by functions"); }

  mutable absl::Mutex mutex_;
  std::multiset<uint64_t> resumed_at_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Incarnation> current_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Incarnation>();
  std::vector<absl::AnyInvocable<void()>> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::function
