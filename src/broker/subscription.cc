#include "broker/subscription.h"

#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "broker/delivery_transform.h"
#include "broker/dispatcher.h"
#include "broker/errors.h"
#include "broker/state_image.h"
#include "broker/surroundings.h"
#include "broker/topic.h"

namespace afluente::broker {
namespace {

constexpr std::chrono::seconds kExpirationDefault = std::chrono::hours(31 * 24);

}  // namespace

Subscription::Subscription(const Surroundings& surroundings, uint64_t incarnation,
                           std::shared_ptr<Topic> topic, SubscriptionSettings settings,
                           event::Filter filter, SequenceSet acked)
    : surroundings_(surroundings),
      incarnation_(incarnation),
      name_(settings.name),
      topic_(std::move(topic)),
      filter_(std::move(filter)),
      filtered_(!settings.filter.empty()),
      ordered_(settings.enable_message_ordering),
      settings_(std::move(settings)),
      acked_(std::move(acked)),
      start_(acked_.floor() + 1),
      last_active_(surroundings.clock.Monotonic()),
      cursor_(acked_.floor() + 1),
      transform_(surroundings.transforms == nullptr || settings_.transforms.empty()
                     ? nullptr
                     : surroundings.transforms->Make(settings_.transforms)),
      // Different after every restart, so that no old ack id names a new delivery.
      generation_(static_cast<uint64_t>(surroundings.clock.Now().time_since_epoch().count())),
      order_(generation_) {}

SubscriptionSettings Subscription::settings() const {
  absl::MutexLock lock(&mutex_);
  SubscriptionSettings settings = settings_;
  settings.topic_message_retention = topic_->settings().message_retention;
  if (!topic_->deleted()) return settings;
  settings.topic = kDeletedTopic;
  settings.topic_message_retention.reset();
  return settings;
}

ConsumerProperties Subscription::properties() const {
  absl::MutexLock lock(&mutex_);
  return {settings_.enable_exactly_once_delivery, ordered_};
}

std::vector<Subscription::Call> Subscription::Update(SubscriptionSettings settings) {
  std::vector<Call> calls;
  absl::MutexLock lock(&mutex_);
  bool told = settings.enable_exactly_once_delivery != settings_.enable_exactly_once_delivery;
  if (surroundings_.transforms != nullptr && settings.transforms != settings_.transforms)
    transform_ = surroundings_.transforms->Make(settings.transforms);
  settings_ = std::move(settings);
  NoteActivity();
  if (!told) return calls;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (!it->flow->options.wants_properties) {
      ++it;
      continue;
    }
    calls.push_back([ready = std::move(it->ready)]() mutable { ready(std::vector<Delivered>()); });
    it = waiters_.erase(it);
  }
  return calls;
}

void Subscription::NoteActivity() { last_active_ = surroundings_.clock.Monotonic(); }

bool Subscription::IsExpired(host::MonotonicTime now) const {
  absl::MutexLock lock(&mutex_);
  std::chrono::seconds ttl = settings_.expiration_ttl.value_or(kExpirationDefault);
  return ttl.count() > 0 && waiters_.empty() && now - last_active_ >= ttl;
}

std::vector<Subscription::Call> Subscription::ApplyAcks(
    const std::vector<SequenceSet::Range>& ranges) {
  absl::MutexLock lock(&mutex_);
  uint64_t end = topic_->last_sequence();
  for (auto [first, last] : ranges) {
    last = std::min(last, end);
    acked_.Add(first, last);
    EndLeases(first, last);
    retries_.Forget(first, last);
  }
  std::vector<Call> calls;
  if (!waiters_.empty() || !released_.empty())
    calls.push_back([self = shared_from_this()] { self->PostTurn(); });
  return calls;
}

void Subscription::ApplyFailures(const std::vector<FailureCount>& counts) {
  // The journal is there when recovery is over.
  bool restored = surroundings_.journal == nullptr;
  absl::MutexLock lock(&mutex_);
  std::vector<FailureCount> unacked;
  for (const FailureCount& each : counts) {
    if (!acked_.Contains(each.first)) unacked.push_back(each);
  }
  retries_.Merge(unacked, restored);
}

bool Subscription::IsAcked(uint64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  return acked_.Contains(sequence);
}

void Subscription::EndLeases(uint64_t first, uint64_t last) {
  std::vector<uint64_t> ended;
  if (last - first < leases_.size()) {
    for (uint64_t sequence = first; sequence <= last; ++sequence) {
      if (leases_.Find(sequence) != nullptr) ended.push_back(sequence);
    }
  } else {
    leases_.ForEach([&](uint64_t sequence, const Lease&) {
      if (sequence >= first && sequence <= last) ended.push_back(sequence);
    });
  }
  for (uint64_t sequence : ended) {
    Lease lease = leases_.Take(sequence);
    if (lease.acking) {
      auto took = surroundings_.clock.Monotonic() - lease.delivered;
      counters_.ack_latencies.Observe(std::chrono::duration<double>(took).count());
    }
    if (lease.key != nullptr) EndOut(lease.key, sequence);
    if (settings_.enable_exactly_once_delivery) last_acks_.Add(sequence, lease.generation);
  }
}

void Subscription::RaiseFloor(uint64_t sequence) {
  bool released = false;
  {
    absl::MutexLock lock(&mutex_);
    if (sequence > acked_.floor()) EndLeases(acked_.floor() + 1, sequence);
    acked_.RaiseFloor(sequence);
    retries_.Forget(0, sequence);
    released = !released_.empty();
  }
  if (released) PostTurn();
}

std::vector<Subscription::Call> Subscription::MarkDeleted() {
  std::vector<Call> calls;
  topic_->CancelWait(this);
  absl::MutexLock lock(&mutex_);
  deleted_ = true;
  for (Waiter& waiter : waiters_) {
    calls.push_back([ready = std::move(waiter.ready), name = name_]() mutable {
      ready(ResourceNotFound(name));
    });
  }
  waiters_.clear();
  leases_.Clear();
  order_.Clear();
  released_.clear();
  redeliver_.clear();
  retries_.Clear();
  dying_.clear();
  return calls;
}

std::shared_ptr<Flow> Subscription::OpenFlow(ConsumerOptions options) {
  auto flow = std::make_shared<Flow>();
  flow->options = options;
  return flow;
}

void Subscription::Next(const std::shared_ptr<Flow>& flow, size_t messages_max, size_t bytes_max,
                        Consumer::Ready ready) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    NoteActivity();
    refused = Refusal();
    if (!refused.ok()) {
      // Said below, without the lock.
    } else if (flow->closed) {
      refused = ConsumerClosed(name_);
    } else {
      waiters_.push_back({flow, std::max<size_t>(messages_max, 1), bytes_max, std::move(ready)});
    }
  }
  if (!refused.ok()) {
    ready(refused);
    return;
  }
  Dispatch(/*may_block=*/false);
}

void Subscription::CloseFlow(const std::shared_ptr<Flow>& flow, bool answer) {
  std::vector<Waiter> closed;
  {
    absl::MutexLock lock(&mutex_);
    NoteActivity();
    flow->closed = true;
    auto gone = std::stable_partition(waiters_.begin(), waiters_.end(),
                                      [&](const Waiter& each) { return each.flow != flow; });
    std::move(gone, waiters_.end(), std::back_inserter(closed));
    waiters_.erase(gone, waiters_.end());
  }
  for (Waiter& waiter : closed) {
    if (answer) waiter.ready(ConsumerClosed(name_));
  }
}

void Subscription::PostTurn() { surroundings_.dispatcher.Post(shared_from_this()); }

uint64_t Subscription::FirstNeeded(host::WallTime now) const {
  absl::MutexLock lock(&mutex_);
  if (settings_.detached) return topic_->last_sequence() + 1;
  uint64_t since = topic_->FirstSince(now - settings_.message_retention);
  if (settings_.retain_acked_messages) return since;
  return std::max(since, acked_.NextMissing(0));
}

SubscriptionStats Subscription::Stats(host::WallTime now) const {
  SubscriptionStats stats;
  stats.name = name_;
  stats.sent = counters_.sent.value();
  stats.sent_bytes = counters_.sent_bytes.value();
  stats.acked = counters_.acked.value();
  stats.dead_lettered = counters_.dead_lettered.value();
  if (stats.acked > 0) stats.ack_latency_counts = counters_.ack_latencies.Counts();
  stats.ack_latency_seconds = counters_.ack_latencies.sum();
  absl::MutexLock lock(&mutex_);
  uint64_t first = acked_.NextMissing(0);
  uint64_t last = topic_->last_sequence();
  stats.outstanding = leases_.size();
  if (first > last || settings_.detached) return stats;
  stats.backlog = last - acked_.floor() - acked_.above_floor();
  if (auto found = topic_->Find(first)) {
    stats.oldest_unacked_age =
        std::max(std::chrono::seconds(0),
                 std::chrono::floor<std::chrono::seconds>(now - found->publish_time));
  }
  return stats;
}

SubscriptionImage Subscription::Capture() const {
  absl::MutexLock lock(&mutex_);
  return {incarnation_, topic_->incarnation(), settings_,        acked_.floor(), acked_.Ranges(),
          start_,       seek_generation_,      retries_.Counts()};
}

}  // namespace afluente::broker
