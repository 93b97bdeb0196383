// What changes a subscription's acks in bulk: seek and detach.
#include <algorithm>
#include <thread>
#include <utility>

#include "broker/errors.h"
#include "broker/subscription.h"
#include "broker/surroundings.h"
#include "broker/topic.h"

namespace afluente::broker {

SequenceSet Subscription::acked() const {
  absl::MutexLock lock(&mutex_);
  return acked_;
}

std::optional<host::WallTime> Subscription::OldestUnacked(host::WallTime now) const {
  absl::MutexLock lock(&mutex_);
  uint64_t kept = topic_->FirstSince(now - settings_.message_retention);
  auto found = topic_->Find(acked_.NextMissing(kept));
  if (!found) return std::nullopt;
  return found->publish_time;
}

uint64_t Subscription::BeginSeek() {
  uint64_t generation = 0;
  std::atomic<int>* appending = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    NoteActivity();
    // From here on, not from when the seek is applied: an ack that comes in between would be
    // applied after it.
    generation = seek_generation_ = generation_;
    appending = &appending_[seeks_++ % 2];
  }
  // Appending queues and does not wait for the disk, so this is short.
  while (*appending > 0) std::this_thread::yield();
  return generation;
}

void Subscription::RestoreSeeks(uint64_t start, uint64_t generation) {
  absl::MutexLock lock(&mutex_);
  start_ = start;
  VoidAcksUpTo(generation);
}

void Subscription::VoidAcksUpTo(uint64_t generation) {
  seek_generation_ = std::max(seek_generation_, generation);
  // The clock may have been set back since: new deliveries must not look like old ones.
  generation_ = std::max(generation_, seek_generation_);
}

std::vector<Subscription::Call> Subscription::SeekToTime(uint64_t first_unacked, host::WallTime now,
                                                         uint64_t generation) {
  absl::MutexLock lock(&mutex_);
  uint64_t end = topic_->last_sequence() + 1;
  uint64_t from = first_unacked == 0 ? end : std::min(first_unacked, end);
  // An acked message comes back only if it had to be kept; whether it happens to be in the journal
  // still is nothing to count on.
  uint64_t kept = end;
  if (settings_.retain_acked_messages)
    kept = std::max(topic_->FirstSince(now - settings_.message_retention), start_);
  if (auto retention = topic_->settings().message_retention)
    kept = std::min(kept, topic_->FirstSince(now - *retention));
  SequenceSet acked(from - 1);
  if (kept > from) {
    acked.Add(from, std::min(acked_.floor(), kept - 1));
    for (auto [first, last] : acked_.Ranges()) {
      if (first < kept) acked.Add(first, std::min(last, kept - 1));
    }
  }
  return Reset(std::move(acked), generation);
}

std::vector<Subscription::Call> Subscription::SeekToAcks(SequenceSet acked, uint64_t generation) {
  absl::MutexLock lock(&mutex_);
  return Reset(std::move(acked), generation);
}

std::vector<Subscription::Call> Subscription::Reset(SequenceSet acked, uint64_t generation) {
  acked.RaiseFloor(topic_->first_sequence() - 1);
  acked_ = std::move(acked);
  VoidAcksUpTo(generation);
  std::vector<uint64_t> leased;
  leases_.ForEach([&](uint64_t sequence, const Lease&) { leased.push_back(sequence); });
  // One by one, so that their consumers have room again.
  for (uint64_t sequence : leased) leases_.Take(sequence);
  order_.Clear();
  released_.clear();
  retries_.Clear();
  dying_.clear();
  last_acks_ = AckMemory();
  redeliver_.clear();
  skipped_.clear();
  skipped_count_ = 0;
  cursor_ = acked_.floor() + 1;
  std::vector<Call> calls;
  if (!waiters_.empty()) calls.push_back([self = shared_from_this()] { self->PostTurn(); });
  return calls;
}

std::vector<Subscription::Call> Subscription::Detach() {
  topic_->CancelWait(this);
  absl::MutexLock lock(&mutex_);
  settings_.detached = true;
  Reset(SequenceSet(topic_->last_sequence()), generation_);
  std::vector<Call> calls;
  for (Waiter& waiter : waiters_) {
    calls.push_back([ready = std::move(waiter.ready), refusal = Refusal()]() mutable {
      ready(std::move(refusal));
    });
  }
  waiters_.clear();
  return calls;
}

bool Subscription::detached() const {
  absl::MutexLock lock(&mutex_);
  return settings_.detached;
}

absl::Status Subscription::Refusal() const {
  if (deleted_) return ResourceNotFound(name_);
  return settings_.detached ? SubscriptionDetached(name_) : absl::OkStatus();
}

}  // namespace afluente::broker
