// Acks, deadline changes, and what failed deliveries lead to.
#include <algorithm>
#include <utility>

#include "broker/ack_id.h"
#include "broker/delivery_policies.h"
#include "broker/dispatcher.h"
#include "broker/recorder.h"
#include "broker/subscription.h"
#include "broker/surroundings.h"
#include "broker/topic.h"
#include "event/dead_letter.h"

namespace afluente::broker {
namespace {

constexpr size_t kBuriedATurnMax = 100;
// What fails in a transform waits at least so, that it does not keep the dispatcher busy.
constexpr RetryPolicy kTransformRetry{std::chrono::seconds(1), std::chrono::seconds(60)};

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

// The parts of projects/P/subscriptions/S.
std::pair<std::string_view, std::string_view> ProjectAndId(std::string_view name) {
  size_t first = name.find('/');
  size_t last = name.rfind('/');
  return {name.substr(first + 1, name.find('/', first + 1) - first - 1), name.substr(last + 1)};
}

}  // namespace

Lease* Subscription::FindLease(const AckId& id) {
  if (id.subscription != incarnation_) return nullptr;
  Lease* lease = leases_.Find(id.sequence);
  return lease != nullptr && lease->generation == id.generation ? lease : nullptr;
}

Subscription::Acking Subscription::TakeAcks(const std::vector<std::string>& ack_ids) {
  Acking acking;
  for (const std::string& text : ack_ids) {
    std::optional<AckId> id = ParseAckId(text);
    if (!id || id->subscription != incarnation_ || id->sequence == 0 ||
        id->sequence > topic_->last_sequence() || id->generation <= seek_generation_ ||
        acked_.Contains(id->sequence)) {
      continue;
    }
    acking.sequences.push_back(id->sequence);
    if (Lease* lease = leases_.Find(id->sequence)) lease->acking = true;
  }
  std::sort(acking.sequences.begin(), acking.sequences.end());
  return acking;
}

Subscription::Acking Subscription::TakeAcksExactly(const std::vector<std::string>& ack_ids,
                                                   AckAnswer& answer) {
  host::MonotonicTime now = surroundings_.clock.Monotonic();
  std::vector<std::pair<uint64_t, const std::string*>> valid;
  for (const std::string& text : ack_ids) {
    std::optional<AckId> id = ParseAckId(text);
    const Lease* lease = id ? FindLease(*id) : nullptr;
    if (lease != nullptr && (lease->acking || lease->deadline > now)) {
      valid.emplace_back(id->sequence, &text);
    } else if (id && id->subscription == incarnation_ &&
               last_acks_.Holds(id->sequence, id->generation)) {
      answer.successes.push_back(text);
    } else {
      answer.failures.push_back({text, AckFault::kInvalid});
    }
  }
  // Ascending, so that one request may ack several of a key in any order.
  std::sort(valid.begin(), valid.end());
  Acking acking;
  for (auto [sequence, text] : valid) {
    Lease* lease = leases_.Find(sequence);
    uint64_t before = lease->key == nullptr ? 0 : KeyOrder::OutBefore(*lease->key, sequence);
    const Lease* earlier = leases_.Find(before);
    if (before != 0 && (earlier == nullptr || !earlier->acking)) {
      answer.failures.push_back({*text, AckFault::kUnordered});
      continue;
    }
    lease->acking = true;
    acking.sequences.push_back(sequence);
    acking.ack_ids.push_back(*text);
  }
  return acking;
}

void Subscription::Acknowledge(const std::vector<std::string>& ack_ids, Subscriptions::Done done) {
  Acking acking;
  AckAnswer answer;
  AcksRecord record{incarnation_, {}};
  std::atomic<int>* appending = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    NoteActivity();
    answer.exactly_once = settings_.enable_exactly_once_delivery;
    acking = answer.exactly_once ? TakeAcksExactly(ack_ids, answer) : TakeAcks(ack_ids);
    std::vector<uint64_t> unique = acking.sequences;
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    if (!unique.empty()) record.ranges = Merge(RangesOf(unique), TakeSkipped());
    appending = &appending_[seeks_ % 2];
    ++*appending;
  }
  if (acking.sequences.empty()) {
    --*appending;
    done(std::move(answer));
    return;
  }
  surroundings_.recorder.Append(
      std::move(record),
      [self = shared_from_this(), acking = std::move(acking), answer = std::move(answer),
       done = std::move(done)](const absl::Status& status) mutable {
        if (status.ok()) self->counters_.acked.Add(acking.sequences.size());
        if (!status.ok()) {
          self->AckFailed(acking.sequences);
          if (!answer.exactly_once) answer.status = status;
        }
        for (std::string& id : acking.ack_ids) {
          if (status.ok())
            answer.successes.push_back(std::move(id));
          else
            answer.failures.push_back({std::move(id), AckFault::kTransient});
        }
        done(std::move(answer));
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

void Subscription::DropAndFail(Building& building, const std::vector<uint64_t>& dropped,
                               const std::vector<uint64_t>& failed) {
  std::vector<uint64_t> acking;
  {
    absl::MutexLock lock(&mutex_);
    for (uint64_t sequence : dropped) {
      Lease* lease = leases_.Find(sequence);
      if (lease == nullptr) continue;
      lease->acking = true;
      acking.push_back(sequence);
    }
    for (uint64_t sequence : failed) {
      if (leases_.Find(sequence) != nullptr) Fail(sequence, Cause::kTransform);
    }
    // A failure takes the followers in its key along.
    std::vector<Delivered> kept;
    for (Delivered& each : building.messages) {
      if (leases_.Find(each.message->sequence) != nullptr) kept.push_back(std::move(each));
    }
    building.messages = std::move(kept);
  }
  if (acking.empty()) return;
  std::sort(acking.begin(), acking.end());
  surroundings_.recorder.Append(AcksRecord{incarnation_, RangesOf(acking)},
                                [self = shared_from_this(), acking](const absl::Status& status) {
                                  if (!status.ok()) self->AckFailed(acking);
                                });
}

AckAnswer Subscription::ModifyAckDeadline(const std::vector<std::string>& ack_ids,
                                          std::chrono::seconds deadline) {
  host::MonotonicTime now = surroundings_.clock.Monotonic();
  AckAnswer answer;
  bool failed = false;
  {
    absl::MutexLock lock(&mutex_);
    answer.exactly_once = settings_.enable_exactly_once_delivery;
    for (const std::string& text : ack_ids) {
      std::optional<AckId> id = ParseAckId(text);
      Lease* lease = id ? FindLease(*id) : nullptr;
      if (answer.exactly_once && (lease == nullptr || (lease->deadline <= now && !lease->acking))) {
        answer.failures.push_back({text, AckFault::kInvalid});
        continue;
      }
      if (answer.exactly_once) answer.successes.push_back(text);
      if (lease == nullptr || lease->acking) continue;
      if (deadline.count() == 0) {
        Fail(id->sequence, Cause::kSubscriber);
        failed = true;
      } else {
        leases_.Extend(id->sequence, *lease, now + deadline);
      }
    }
  }
  if (failed) PostTurn();
  return answer;
}

void Subscription::Fail(uint64_t sequence, Cause cause) {
  Lease lease = leases_.Take(sequence);
  const auto& dead_letters = settings_.dead_letter_policy;
  uint32_t failures = 0;
  if (dead_letters || settings_.retry_policy || cause == Cause::kTransform)
    failures = retries_.Fail(sequence);
  if (dead_letters && failures >= static_cast<uint32_t>(dead_letters->max_delivery_attempts)) {
    dying_[sequence] = {lease.key};
    return;
  }
  Requeue(sequence, lease.key, BackoffOf(sequence, cause));
}

std::chrono::milliseconds Subscription::BackoffOf(uint64_t sequence, Cause cause) const {
  uint32_t failures = retries_.failures(sequence);
  if (failures == 0) return std::chrono::milliseconds(0);
  if (settings_.retry_policy) return Backoff(*settings_.retry_policy, failures);
  return cause == Cause::kTransform ? Backoff(kTransformRetry, failures)
                                    : std::chrono::milliseconds(0);
}

void Subscription::Requeue(uint64_t sequence, KeyOrder::Key* key,
                           std::chrono::milliseconds backoff) {
  host::MonotonicTime at = surroundings_.clock.Monotonic() + backoff;
  if (key == nullptr) {
    if (backoff.count() > 0) {
      retries_.WaitUntil(sequence, at);
    } else {
      redeliver_.insert(sequence);
    }
    return;
  }
  auto keeps = [&](uint64_t each) {
    // Not the failed one, which has no lease any more.
    Lease* other = leases_.Find(each);
    return dying_.contains(each) || (other != nullptr && other->acking);
  };
  for (uint64_t each : order_.Fail(key, sequence, keeps)) {
    if (each != sequence) leases_.Take(each);
  }
  if (backoff.count() > 0) order_.Hold(key, at);
}

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

void Subscription::RecordFailures() {
  FailuresRecord record{incarnation_, {}};
  {
    absl::MutexLock lock(&mutex_);
    if (deleted_ || !retries_.has_unrecorded()) return;
    record.counts = retries_.TakeUnrecorded();
  }
  // A refusal costs no message: after a restart it is delivered some times more.
  surroundings_.recorder.Append(std::move(record), [](absl::Status) {});
}

host::MonotonicTime Subscription::NextTimer() const {
  return std::min({leases_.next_deadline(), retries_.next_due(), order_.next_release()});
}

host::MonotonicTime Subscription::Take(host::MonotonicTime now) {
  bool record_skipped = false;
  {
    absl::MutexLock lock(&mutex_);
    if (armed_ <= now) armed_ = host::MonotonicTime::max();
    for (uint64_t sequence : leases_.Expired(now)) {
      // Some lose their lease with an earlier message of their key.
      if (leases_.Find(sequence) != nullptr) Fail(sequence, Cause::kSubscriber);
    }
    while (uint64_t sequence = retries_.TakeDue(now)) redeliver_.insert(sequence);
    order_.ReleaseDue(now);
    record_skipped = skipped_count_ >= kSkippedMax;
  }
  RecordFailures();
  BuryDying();
  Dispatch(/*may_block=*/true);
  if (record_skipped) RecordSkipped();
  absl::MutexLock lock(&mutex_);
  host::MonotonicTime next = NextTimer();
  if (next >= armed_) return host::MonotonicTime::max();
  armed_ = next;
  return next;
}

std::optional<std::pair<uint64_t, DeadLetterPolicy>> Subscription::NextDying() {
  absl::MutexLock lock(&mutex_);
  for (auto it = dying_.begin(); it != dying_.end();) {
    auto [sequence, dying] = *it;
    if (dying.under_way) {
      ++it;
      continue;
    }
    if (settings_.dead_letter_policy) {
      it->second.under_way = true;
      return std::pair(sequence, *settings_.dead_letter_policy);
    }
    // The policy was taken away meanwhile.
    it = dying_.erase(it);
    Requeue(sequence, dying.key, BackoffOf(sequence, Cause::kSubscriber));
  }
  return std::nullopt;
}

void Subscription::BuryDying() {
  for (size_t i = 0; i < kBuriedATurnMax; ++i) {
    auto next = NextDying();
    if (!next) return;
    Bury(next->first, next->second);
  }
  PostTurn();
}

void Subscription::Bury(uint64_t sequence, const DeadLetterPolicy& policy) {
  auto batch = topic_->Fetch(*surroundings_.journal, sequence, /*may_block=*/true);
  if (!batch.ok()) return OnBuried(sequence, batch.status());
  uint32_t failures = 0;
  {
    absl::MutexLock lock(&mutex_);
    failures = retries_.failures(sequence);
  }
  auto [project, id] = ProjectAndId(name_);
  DeadLetter letter;
  letter.topic = policy.topic;
  letter.draft = event::DeadLetterDraft((*batch)->At(sequence), project, id, failures);
  letter.subscription = incarnation_;
  letter.sequence = sequence;
  surroundings_.recorder.Bury(std::move(letter),
                              [self = shared_from_this(), sequence](const absl::Status& status) {
                                self->OnBuried(sequence, status);
                              });
}

void Subscription::OnBuried(uint64_t sequence, const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    auto it = dying_.find(sequence);
    if (it == dying_.end()) return;
    KeyOrder::Key* key = it->second.key;
    dying_.erase(it);
    if (status.ok()) counters_.dead_lettered.Add();
    if (status.ok() || acked_.Contains(sequence)) {
      if (key != nullptr) order_.Done(key, sequence);
    } else {
      // Its topic is gone, or the disk refused: it is delivered again.
      Requeue(sequence, key, BackoffOf(sequence, Cause::kSubscriber));
    }
  }
  PostTurn();
}

}  // namespace afluente::broker
