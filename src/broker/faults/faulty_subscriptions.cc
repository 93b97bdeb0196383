#include "broker/faults/faulty_subscriptions.h"

#include <optional>
#include <utility>

#include "host/check.h"

namespace afluente::broker::faults {
namespace {

// When every message of an answer was nacked: they are there again at once, and would be for ever.
constexpr std::chrono::milliseconds kNackedAgainAfter{10};

absl::Status Unavailable() { return absl::UnavailableError("A fault was injected: unavailable."); }

// One consumer's waits. Shared with the broker and with delayed answers, which may come after the
// consumer is gone.
class FaultyFlow : public std::enable_shared_from_this<FaultyFlow> {
 public:
  FaultyFlow(Subscriptions& subscriptions, Faults& faults, Delays& delays, std::string name)
      : subscriptions_(subscriptions), faults_(faults), delays_(delays), name_(std::move(name)) {}

  void SetConsumer(std::unique_ptr<Consumer> consumer) {
    absl::MutexLock lock(&mutex_);
    consumer_ = std::move(consumer);
  }

  ConsumerProperties properties() {
    const auto consumer = TheConsumer();
    return consumer ? consumer->properties() : ConsumerProperties();
  }

  void Next(size_t messages_max, size_t bytes_max, Consumer::Ready ready) {
    if (faults_.Strike(name_, {FaultKind::kUnavailable})) return ready(Unavailable());
    {
      absl::MutexLock lock(&mutex_);
      ready_ = std::move(ready);
    }
    Ask(messages_max, bytes_max);
  }

  void Close() {
    if (auto consumer = TheConsumer()) consumer->Close();
    // What no wait of the broker holds any more: an answer that is late.
    GiveBack(TakeHeld());
    Answer(absl::CancelledError("The consumer was closed."));
  }

  // The consumer goes: nobody is to be answered any more.
  void Drop() {
    std::shared_ptr<Consumer> consumer;
    {
      absl::MutexLock lock(&mutex_);
      ready_ = nullptr;
      consumer = std::move(consumer_);
    }
    consumer = nullptr;
    GiveBack(TakeHeld());
  }

 private:
  std::shared_ptr<Consumer> TheConsumer() {
    absl::MutexLock lock(&mutex_);
    return consumer_;
  }

  void Ask(size_t messages_max, size_t bytes_max) {
    const auto consumer = TheConsumer();
    if (!consumer) return;
    consumer->Next(messages_max, bytes_max,
                   [self = shared_from_this(), messages_max, bytes_max](auto delivered) {
                     self->OnMessages(std::move(delivered), messages_max, bytes_max);
                   });
  }

  void OnMessages(absl::StatusOr<std::vector<Delivered>> delivered, size_t messages_max,
                  size_t bytes_max) {
    if (!delivered.ok()) return Answer(delivered.status());
    std::vector<Delivered> kept;
    std::vector<Delivered> nacked;
    std::chrono::milliseconds delay{0};
    for (Delivered& each : *delivered) {
      if (faults_.Strike(name_, {FaultKind::kNack})) {
        nacked.push_back(std::move(each));
        continue;
      }
      if (const auto late = faults_.Strike(name_, {FaultKind::kDelay}))
        delay = std::max(delay, late->delay);
      if (faults_.Strike(name_, {FaultKind::kDuplicate})) kept.push_back(each);
      kept.push_back(std::move(each));
    }
    const bool all_nacked = kept.empty() && !nacked.empty();
    GiveBack(std::move(nacked));
    if (all_nacked) {
      delays_.After(kNackedAgainAfter, [weak = weak_from_this(), messages_max, bytes_max] {
        if (auto self = weak.lock()) self->Ask(messages_max, bytes_max);
      });
    } else if (delay.count() == 0) {
      Answer(std::move(kept));
    } else {
      Hold(std::move(kept), delay);
    }
  }

  void Hold(std::vector<Delivered> messages, std::chrono::milliseconds delay) {
    {
      absl::MutexLock lock(&mutex_);
      held_ = std::move(messages);
    }
    delays_.After(delay, [weak = weak_from_this()] {
      auto self = weak.lock();
      if (!self) return;
      auto held = self->TakeHeld();
      if (!held.empty()) self->Answer(std::move(held));
    });
  }

  std::vector<Delivered> TakeHeld() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(held_, {});
  }

  void Answer(absl::StatusOr<std::vector<Delivered>> answer) {
    Consumer::Ready ready;
    {
      absl::MutexLock lock(&mutex_);
      ready = std::exchange(ready_, nullptr);
    }
    if (ready) return ready(std::move(answer));
    if (answer.ok()) GiveBack(*std::move(answer));
  }

  void GiveBack(std::vector<Delivered> messages) {
    if (messages.empty()) return;
    std::vector<std::string> ack_ids;
    for (Delivered& each : messages) ack_ids.push_back(std::move(each.ack_id));
    subscriptions_.ModifyAckDeadline(name_, std::move(ack_ids), std::chrono::seconds(0),
                                     [](auto) {});
  }

  Subscriptions& subscriptions_;
  Faults& faults_;
  Delays& delays_;
  const std::string name_;

  absl::Mutex mutex_;
  // Shared with a call that is just being made to it.
  std::shared_ptr<Consumer> consumer_ ABSL_GUARDED_BY(mutex_);
  Consumer::Ready ready_ ABSL_GUARDED_BY(mutex_);
  std::vector<Delivered> held_ ABSL_GUARDED_BY(mutex_);
};

class FaultyConsumer final : public Consumer {
 public:
  explicit FaultyConsumer(std::shared_ptr<FaultyFlow> flow) : flow_(std::move(flow)) {}
  ~FaultyConsumer() override { flow_->Drop(); }
  void Next(size_t messages_max, size_t bytes_max, Ready ready) override {
    flow_->Next(messages_max, bytes_max, std::move(ready));
  }
  void Close() override { flow_->Close(); }
  ConsumerProperties properties() const override { return flow_->properties(); }

 private:
  const std::shared_ptr<FaultyFlow> flow_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> FaultySubscriptions::OpenConsumer(
    std::string_view subscription, ConsumerOptions options) {
  AFLUENTE_ASSIGN_OR_RETURN(auto consumer, subscriptions_.OpenConsumer(subscription, options));
  auto flow =
      std::make_shared<FaultyFlow>(subscriptions_, faults_, delays_, std::string(subscription));
  flow->SetConsumer(std::move(consumer));
  return std::make_unique<FaultyConsumer>(std::move(flow));
}

void FaultySubscriptions::Acknowledge(std::string_view subscription,
                                      std::vector<std::string> ack_ids, Done done) {
  if (faults_.Strike(subscription, {FaultKind::kUnavailable})) return done(Unavailable());
  subscriptions_.Acknowledge(subscription, std::move(ack_ids), std::move(done));
}

void FaultySubscriptions::ModifyAckDeadline(std::string_view subscription,
                                            std::vector<std::string> ack_ids,
                                            std::chrono::seconds deadline, Done done) {
  if (faults_.Strike(subscription, {FaultKind::kUnavailable})) return done(Unavailable());
  subscriptions_.ModifyAckDeadline(subscription, std::move(ack_ids), deadline, std::move(done));
}

}  // namespace afluente::broker::faults
