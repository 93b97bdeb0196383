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

Acking Subscription::TakeAcks(const std::vector<std::string>& ack_ids) {
  std::vector<AckId> ids;
  for (const std::string& text : ack_ids) {
    std::optional<AckId> id = ParseAckId(text);
    if (!id || id->subscription != incarnation_ || id->sequence == 0 ||
        id->sequence > topic_->last_sequence() || id->generation <= seek_generation_ ||
        acked_.Contains(id->sequence)) {
      continue;
    }
    ids.push_back(*id);
  }
  // Ascending, so that one request may ack several of a key in any order.
  std::sort(ids.begin(), ids.end(),
            [](const AckId& a, const AckId& b) { return a.sequence < b.sequence; });
  Acking acking;
  for (const AckId& id : ids) TakeOrHold(id, acking);
  return acking;
}

void Subscription::TakeOrHold(const AckId& id, Acking& acking) {
  std::vector<uint64_t>& taken = acking.sequences;
  Lease* lease = leases_.Find(id.sequence);
  const KeyOrder::Key* key = lease ? lease->key : FindKeyWithoutLease(id.sequence);
  // Nothing is known of the key any more: the delivery is of before the restart.
  if (id.ordered && key == nullptr) return;
  bool counts =
      Leads(key, id.sequence) ||
      std::find(taken.rbegin(), taken.rend(), KeyOrder::Before(*key, id.sequence)) != taken.rend();
  // An earlier message that was delivered again brings this one back after it.
  bool stands = key == nullptr || KeyOrder::Stands(*key, id.sequence, id.generation);
  if (lease == nullptr && counts && stands) {
    taken.push_back(id.sequence);
  } else if (lease == nullptr) {
    // It comes again.
  } else if (lease->acking) {
    taken.push_back(id.sequence);
  } else if (counts && stands) {
    TakeAck(id.sequence, *lease, taken);
  } else if (lease->generation == id.generation) {
    leases_.Hold(*lease);
    acking.held = true;
  }
}

const KeyOrder::Key* Subscription::FindKeyWithoutLease(uint64_t sequence) const {
  auto it = dying_.find(sequence);
  return it != dying_.end() ? it->second.key : order_.FindWaiting(sequence);
}

bool Subscription::Leads(const KeyOrder::Key* key, uint64_t sequence) {
  uint64_t before = key == nullptr ? 0 : KeyOrder::Before(*key, sequence);
  // An acked one waits until its turn comes and it is dropped.
  if (before == 0 || acked_.Contains(before)) return true;
  const Lease* earlier = leases_.Find(before);
  return earlier != nullptr && earlier->acking;
}

void Subscription::TakeAck(uint64_t sequence, Lease& lease, std::vector<uint64_t>& taken) {
  lease.acking = true;
  taken.push_back(sequence);
  if (lease.key != nullptr) TakeHeld(KeyOrder::OutAfter(*lease.key, sequence), taken);
}

void Subscription::TakeHeld(uint64_t sequence, std::vector<uint64_t>& taken) {
  Lease* lease = leases_.Find(sequence);
  while (lease != nullptr && lease->held && !lease->acking) {
    lease->acking = true;
    taken.push_back(sequence);
    sequence = KeyOrder::OutAfter(*lease->key, sequence);
    lease = leases_.Find(sequence);
  }
}

void Subscription::EndOut(KeyOrder::Key* key, uint64_t sequence) {
  uint64_t next = KeyOrder::OutAfter(*key, sequence);
  order_.Done(key, sequence);
  // With one left, the key is still there.
  if (next != 0 && Leads(key, next)) TakeHeld(next, released_);
}

Acking Subscription::TakeAcksExactly(const std::vector<std::string>& ack_ids, AckAnswer& answer) {
  host::MonotonicTime now = surroundings_.clock.Monotonic();
  std::vector<std::pair<uint64_t, const std::string*>> valid;
  for (const std::string& text : ack_ids) {
    std::optional<AckId> id = ParseAckId(text);
    const Lease* lease = id ? FindLease(*id) : nullptr;
    if (lease != nullptr && (lease->acking || lease->held || lease->deadline > now)) {
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
    if (!lease->acking && !Leads(lease->key, sequence)) {
      answer.failures.push_back({*text, AckFault::kUnordered});
      continue;
    }
    TakeAck(sequence, *lease, acking.sequences);
    acking.ack_ids.push_back(*text);
  }
  return acking;
}

void Subscription::Seal(Acking& acking) {
  std::vector<uint64_t>& sequences = acking.sequences;
  if (sequences.empty()) return;
  std::sort(sequences.begin(), sequences.end());
  sequences.erase(std::unique(sequences.begin(), sequences.end()), sequences.end());
  acking.ranges = Merge(RangesOf(sequences), TakeSkipped());
  acking.appending = &appending_[seeks_ % 2];
  ++*acking.appending;
}

void Subscription::Append(Acking acking, absl::AnyInvocable<void(const absl::Status&)> then) {
  if (acking.sequences.empty()) return then(absl::OkStatus());
  std::atomic<int>* appending = acking.appending;
  surroundings_.recorder.Append(AcksRecord{incarnation_, std::move(acking.ranges)},
                                [self = shared_from_this(), sequences = std::move(acking.sequences),
                                 then = std::move(then)](const absl::Status& status) mutable {
                                  if (!status.ok()) self->AckFailed(sequences);
                                  then(status);
                                });
  --*appending;
}

void Subscription::Acknowledge(const std::vector<std::string>& ack_ids, Subscriptions::Done done) {
  Acking acking;
  AckAnswer answer;
  {
    absl::MutexLock lock(&mutex_);
    NoteActivity();
    answer.exactly_once = settings_.enable_exactly_once_delivery;
    acking = answer.exactly_once ? TakeAcksExactly(ack_ids, answer) : TakeAcks(ack_ids);
    Seal(acking);
  }
  if (acking.held) PostTurn();  // their consumers have room
  size_t count = acking.sequences.size();
  std::vector<std::string> named = std::move(acking.ack_ids);
  Append(std::move(acking),
         [self = shared_from_this(), count, named = std::move(named), answer = std::move(answer),
          done = std::move(done)](const absl::Status& status) mutable {
           if (status.ok()) self->counters_.acked.Add(count);
           if (!status.ok() && !answer.exactly_once) answer.status = status;
           for (std::string& id : named) {
             if (status.ok())
               answer.successes.push_back(std::move(id));
             else
               answer.failures.push_back({std::move(id), AckFault::kTransient});
           }
           done(std::move(answer));
         });
}

void Subscription::AckFailed(const std::vector<uint64_t>& sequences) {
  {
    absl::MutexLock lock(&mutex_);
    for (uint64_t sequence : sequences) {
      Lease* lease = leases_.Find(sequence);
      if (lease != nullptr && lease->acking) leases_.Resume(sequence, *lease);
    }
  }
  PostTurn();
}

void Subscription::RecordReleased() {
  Acking acking;
  {
    absl::MutexLock lock(&mutex_);
    for (uint64_t sequence : std::exchange(released_, {})) {
      Lease* lease = leases_.Find(sequence);
      if (lease == nullptr || !lease->acking) continue;
      // A seek that is under way voids it.
      if (lease->generation <= seek_generation_)
        leases_.Resume(sequence, *lease);
      else
        acking.sequences.push_back(sequence);
    }
    Seal(acking);
  }
  size_t count = acking.sequences.size();
  Append(std::move(acking), [self = shared_from_this(), count](const absl::Status& status) {
    if (status.ok()) self->counters_.acked.Add(count);
  });
}

void Subscription::DropAndFail(Building& building, const std::vector<uint64_t>& dropped,
                               const std::vector<uint64_t>& failed) {
  Acking acking;
  {
    absl::MutexLock lock(&mutex_);
    for (uint64_t sequence : dropped) {
      Lease* lease = leases_.Find(sequence);
      if (lease == nullptr) continue;
      if (Leads(lease->key, sequence))
        TakeAck(sequence, *lease, acking.sequences);
      else
        leases_.Hold(*lease);
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
    Seal(acking);
  }
  Append(std::move(acking), [](const absl::Status&) {});
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
      if (answer.exactly_once &&
          (lease == nullptr || (lease->deadline <= now && !lease->acking && !lease->held))) {
        answer.failures.push_back({text, AckFault::kInvalid});
        continue;
      }
      if (answer.exactly_once) answer.successes.push_back(text);
      if (lease == nullptr || lease->acking || lease->held) continue;
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
  RecordReleased();
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
      if (key != nullptr) EndOut(key, sequence);
    } else {
      // Its topic is gone, or the disk refused: it is delivered again.
      Requeue(sequence, key, BackoffOf(sequence, Cause::kSubscriber));
    }
  }
  PostTurn();
}

}  // namespace afluente::broker
