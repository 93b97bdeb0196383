#include "broker/subscription.h"

#include <algorithm>
#include <utility>

#include "broker/ack_id.h"
#include "broker/broker.h"
#include "broker/dispatcher.h"
#include "broker/errors.h"
#include "broker/recorder.h"
#include "broker/state_image.h"
#include "broker/surroundings.h"
#include "broker/topic.h"

namespace afluente::broker {
namespace {

constexpr std::chrono::seconds kExpirationDefault = std::chrono::hours(31 * 24);

// Sorted and unique sequences as ranges.
std::vector<SequenceSet::Range> RangesOf(const std::vector<uint64_t>& sequences) {
  std::vector<SequenceSet::Range> ranges;
  for (uint64_t sequence : sequences) {
    if (!ranges.empty() && ranges.back().second + 1 == sequence) {
      ranges.back().second = sequence;
    } else {
      ranges.emplace_back(sequence, sequence);
    }
  }
  return ranges;
}

// Both as one ascending list of disjoint ranges, as the record's format wants them.
std::vector<SequenceSet::Range> Merge(std::vector<SequenceSet::Range> a,
                                      const std::vector<SequenceSet::Range>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::sort(a.begin(), a.end());
  std::vector<SequenceSet::Range> merged;
  for (const SequenceSet::Range& range : a) {
    if (!merged.empty() && range.first <= merged.back().second + 1) {
      merged.back().second = std::max(merged.back().second, range.second);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

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
      // Different after every restart, so that no old ack id names a new delivery.
      generation_(static_cast<uint64_t>(surroundings.clock.Now().time_since_epoch().count())) {}

SubscriptionSettings Subscription::settings() const {
  absl::MutexLock lock(&mutex_);
  SubscriptionSettings settings = settings_;
  settings.topic_message_retention = topic_->settings().message_retention;
  if (!topic_->deleted()) return settings;
  settings.topic = kDeletedTopic;
  settings.topic_message_retention.reset();
  return settings;
}

void Subscription::Update(SubscriptionSettings settings) {
  absl::MutexLock lock(&mutex_);
  settings_ = std::move(settings);
  NoteActivity();
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
  }
  std::vector<Call> calls;
  if (!waiters_.empty()) calls.push_back([self = shared_from_this()] { self->PostTurn(); });
  return calls;
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
    if (lease.key != nullptr) order_.Done(lease.key, sequence);
  }
}

void Subscription::RaiseFloor(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  if (sequence > acked_.floor()) EndLeases(acked_.floor() + 1, sequence);
  acked_.RaiseFloor(sequence);
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
  redeliver_.clear();
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

void Subscription::Acknowledge(const std::vector<std::string>& ack_ids, Subscriptions::Done done) {
  std::vector<uint64_t> sequences;
  AcksRecord record{incarnation_, {}};
  std::atomic<int>* appending = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    NoteActivity();
    for (const std::string& text : ack_ids) {
      std::optional<AckId> id = ParseAckId(text);
      if (!id || id->subscription != incarnation_ || id->sequence > topic_->last_sequence() ||
          id->generation <= seek_generation_ || acked_.Contains(id->sequence)) {
        continue;
      }
      sequences.push_back(id->sequence);
      if (Lease* lease = leases_.Find(id->sequence)) lease->acking = true;
    }
    std::sort(sequences.begin(), sequences.end());
    sequences.erase(std::unique(sequences.begin(), sequences.end()), sequences.end());
    if (!sequences.empty()) record.ranges = Merge(RangesOf(sequences), TakeSkipped());
    appending = &appending_[seeks_ % 2];
    ++*appending;
  }
  if (sequences.empty()) {
    --*appending;
    done(absl::OkStatus());
    return;
  }
  surroundings_.recorder.Append(std::move(record),
                                [self = shared_from_this(), sequences = std::move(sequences),
                                 done = std::move(done)](absl::Status status) mutable {
                                  if (!status.ok()) self->AckFailed(sequences);
                                  done(std::move(status));
                                });
  --*appending;
}

void Subscription::AckFailed(const std::vector<uint64_t>& sequences) {
  {
    absl::MutexLock lock(&mutex_);
    for (uint64_t sequence : sequences) {
      Lease* lease = leases_.Find(sequence);
      if (lease == nullptr || !lease->acking) continue;
      // As if it had not been acked: the lease runs on, and its deadline counts again.
      lease->acking = false;
      leases_.Extend(sequence, *lease, lease->deadline);
    }
  }
  PostTurn();
}

void Subscription::ModifyAckDeadline(const std::vector<std::string>& ack_ids,
                                     std::chrono::seconds deadline) {
  host::MonotonicTime at = surroundings_.clock.Monotonic() + deadline;
  bool failed = false;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::string& text : ack_ids) {
      std::optional<AckId> id = ParseAckId(text);
      if (!id || id->subscription != incarnation_) continue;
      Lease* lease = leases_.Find(id->sequence);
      if (lease == nullptr || lease->generation != id->generation || lease->acking) continue;
      if (deadline.count() == 0) {
        Fail(id->sequence);
        failed = true;
      } else {
        leases_.Extend(id->sequence, *lease, at);
      }
    }
  }
  if (failed) PostTurn();
}

void Subscription::Fail(uint64_t sequence) {
  Lease lease = leases_.Take(sequence);
  if (lease.key == nullptr) {
    redeliver_.insert(sequence);
    return;
  }
  auto keeps = [&](uint64_t each) {
    // Not the failed one, which has no lease any more.
    Lease* other = leases_.Find(each);
    return other != nullptr && other->acking;
  };
  for (uint64_t each : order_.Fail(lease.key, sequence, keeps)) {
    if (each != sequence) leases_.Take(each);
  }
}

void Subscription::PostTurn() { surroundings_.dispatcher.Post(shared_from_this()); }

void Subscription::RecordSkipped() {
  AcksRecord record{incarnation_, {}};
  {
    absl::MutexLock lock(&mutex_);
    if (deleted_) return;
    record.ranges = TakeSkipped();
  }
  if (record.ranges.empty()) return;
  // A refusal loses nothing: after a restart the filter passes them over again.
  surroundings_.recorder.Append(std::move(record), [](absl::Status) {});
}

std::vector<SequenceSet::Range> Subscription::TakeSkipped() {
  skipped_count_ = 0;
  return Merge(std::exchange(skipped_, {}), {});
}

host::MonotonicTime Subscription::Take(host::MonotonicTime now) {
  bool record_skipped = false;
  {
    absl::MutexLock lock(&mutex_);
    if (armed_ <= now) armed_ = host::MonotonicTime::max();
    while (uint64_t sequence = leases_.NextExpired(now)) Fail(sequence);
    record_skipped = skipped_count_ >= kSkippedMax;
  }
  Dispatch(/*may_block=*/true);
  if (record_skipped) RecordSkipped();
  absl::MutexLock lock(&mutex_);
  host::MonotonicTime next = leases_.next_deadline();
  if (next >= armed_) return host::MonotonicTime::max();
  armed_ = next;
  return next;
}

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
  return {incarnation_, topic_->incarnation(), settings_, acked_.floor(), acked_.Ranges(),
          start_,       seek_generation_};
}

}  // namespace afluente::broker
