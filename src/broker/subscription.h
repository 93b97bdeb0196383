#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "broker/batch.h"
#include "broker/counters.h"
#include "broker/key_order.h"
#include "broker/lease_table.h"
#include "broker/retry_table.h"
#include "broker/sequence_set.h"
#include "broker/subscriptions.h"
#include "broker/turn.h"
#include "event/filter.h"

namespace afluente::broker {

class DeliveryTransform;
class Topic;
struct AckId;
struct SubscriptionImage;
struct SubscriptionStats;
struct Surroundings;

// One subscription: which messages are acked (durable, changed by State::Apply only), and the
// leases, waits and orders of now (lost at a restart, when what is not acked is delivered again).
// Shared by the state, its consumers and the dispatcher. Thread-safe.
class Subscription : public Turn, public std::enable_shared_from_this<Subscription> {
 public:
  using Call = absl::AnyInvocable<void()>;

  Subscription(const Surroundings& surroundings, uint64_t incarnation, std::shared_ptr<Topic> topic,
               SubscriptionSettings settings, event::Filter filter, SequenceSet acked);

  uint64_t incarnation() const { return incarnation_; }
  const std::string& name() const { return name_; }
  const std::shared_ptr<Topic>& topic() const { return topic_; }
  SubscriptionSettings settings() const;
  SubscriptionCounters& counters() { return counters_; }

  // The durable changes. They return what to call without locks, once the record is applied.
  std::vector<Call> Update(SubscriptionSettings settings);
  std::vector<Call> ApplyAcks(const std::vector<SequenceSet::Range>& ranges);
  void ApplyFailures(const std::vector<FailureCount>& counts);
  bool IsAcked(uint64_t sequence) const;
  // Messages up to `sequence` are gone from the journal.
  void RaiseFloor(uint64_t sequence);
  std::vector<Call> MarkDeleted();
  // As a snapshot holds them.
  void RestoreSeeks(uint64_t start, uint64_t generation);
  // Messages before `first_unacked` (0 = all there are) become acked, the others not, as far as
  // they had to be kept at `now`. Deliveries end, and acks of those up to `generation` are void.
  std::vector<Call> SeekToTime(uint64_t first_unacked, host::WallTime now, uint64_t generation);
  std::vector<Call> SeekToAcks(SequenceSet acked, uint64_t generation);
  std::vector<Call> Detach();

  bool detached() const;
  SequenceSet acked() const;
  // When the oldest message that must still be delivered was published.
  std::optional<host::WallTime> OldestUnacked(host::WallTime now) const;
  // The generation to put into a seek's record; acks that were taken before are in the journal by
  // then. One call at a time.
  uint64_t BeginSeek();

  // Consumers.
  std::shared_ptr<Flow> OpenFlow(ConsumerOptions options);
  void Next(const std::shared_ptr<Flow>& flow, size_t messages_max, size_t bytes_max,
            Consumer::Ready ready);
  // Answers its waits with CANCELLED, or drops them.
  void CloseFlow(const std::shared_ptr<Flow>& flow, bool answer);
  ConsumerProperties properties() const;

  void Acknowledge(const std::vector<std::string>& ack_ids, Subscriptions::Done done);
  AckAnswer ModifyAckDeadline(const std::vector<std::string>& ack_ids,
                              std::chrono::seconds deadline);
  // Makes it durable that messages were passed over because the filter does not match them.
  void RecordSkipped();

  host::MonotonicTime Take(host::MonotonicTime now) override;

  // The first sequence that must stay in the journal for it; the topic's last + 1 when none.
  uint64_t FirstNeeded(host::WallTime now) const;
  SubscriptionStats Stats(host::WallTime now) const;
  // Nobody has asked anything of it for as long as its settings allow. What was before the process
  // started counts as activity at the start.
  bool IsExpired(host::MonotonicTime now) const;

  SubscriptionImage Capture() const;

 private:
  // So many skipped messages become a record of their own.
  static constexpr uint64_t kSkippedMax = 1000;
  enum class Source { kNew, kRedeliver, kOrdered };
  struct Target {
    Source source;
    uint64_t sequence;
    KeyOrder::Key* key;
  };

  // A message that failed too often: it goes to the dead-letter topic instead of a consumer. Until
  // then it counts as out in its key's order.
  struct Dying {
    KeyOrder::Key* key = nullptr;
    bool under_way = false;
  };
  enum class Cause { kSubscriber, kTransform };

  void Dispatch(bool may_block);
  std::optional<Building> Begin(bool may_block);
  void Fill(Building& building, bool may_block);
  void TransformAll(Building& building);
  // What the transform made of the rest of the building's messages.
  void DropAndFail(Building& building, const std::vector<uint64_t>& dropped,
                   const std::vector<uint64_t>& failed);
  // Answers the waiter, or puts it back and returns how many wait.
  size_t Finish(Building building);
  // False when another pass was asked for in the meantime, unless it is to `stop`.
  bool EndDispatch(bool stop);
  void Watch();
  // In a turn: sends dying messages to the dead-letter topic.
  void BuryDying();
  std::optional<std::pair<uint64_t, DeadLetterPolicy>> NextDying();
  void Bury(uint64_t sequence, const DeadLetterPolicy& policy);
  void OnBuried(uint64_t sequence, const absl::Status& status);
  void RecordFailures();
  void RecordReleased();

  std::optional<Target> PickTarget(const Building& building) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Target> PickOld(const Building& building) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasNew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SkipLost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeNew(const SharedBatch& batch, Building& building) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeOne(const SharedBatch& batch, const Target& target, Building& building)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom(const Building& building, uint64_t size) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Leases the message to the waiter unless its key's order holds it back.
  void Deliver(const SharedBatch& batch, uint64_t sequence, uint64_t size, Building& building)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a message that failed before the restart has to wait once more; then it does.
  bool WaitsAgain(const event::Message& message, uint64_t sequence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Skip(uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Acking TakeAcks(const std::vector<std::string>& ack_ids) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Acking TakeAcksExactly(const std::vector<std::string>& ack_ids, AckAnswer& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Which acks of a key count: docs/decisions/2026-11-24-late-acks-of-a-key.md.
  void TakeOrHold(const AckId& id, Acking& acking) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the ack, and the held ones that it lets go.
  void TakeAck(uint64_t sequence, Lease& lease, std::vector<uint64_t>& taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeHeld(uint64_t sequence, std::vector<uint64_t>& taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether all before it in its key is done, or about to be.
  const KeyOrder::Key* FindKeyWithoutLease(uint64_t sequence) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Leads(const KeyOrder::Key* key, uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOut(KeyOrder::Key* key, uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is needed to append it without the lock.
  void Seal(Acking& acking) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Append(Acking acking, absl::AnyInvocable<void(const absl::Status&)> then);
  // The lease that the ack id names, or null.
  Lease* FindLease(const AckId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The delivery of a leased message failed: it is delivered again, or dies.
  void Fail(uint64_t sequence, Cause cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes a message that has no lease any more deliverable again after `backoff`, and with it what
  // follows of its key.
  void Requeue(uint64_t sequence, KeyOrder::Key* key, std::chrono::milliseconds backoff)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::chrono::milliseconds BackoffOf(uint64_t sequence, Cause cause) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When something is to do that nobody will ask for.
  host::MonotonicTime NextTimer() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of acked or lost messages.
  void EndLeases(uint64_t first, uint64_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<SequenceSet::Range> TakeSkipped() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void VoidAcksUpTo(uint64_t generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Call> Reset(SequenceSet acked, uint64_t generation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Why nothing is delivered any more; OK when it is.
  absl::Status Refusal() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AckFailed(const std::vector<uint64_t>& sequences);
  void PostTurn();
  void NoteActivity() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Surroundings& surroundings_;
  const uint64_t incarnation_;
  const std::string name_;
  const std::shared_ptr<Topic> topic_;
  const event::Filter filter_;
  const bool filtered_;
  const bool ordered_;
  SubscriptionCounters counters_;

  mutable absl::Mutex mutex_;
  SubscriptionSettings settings_ ABSL_GUARDED_BY(mutex_);
  SequenceSet acked_ ABSL_GUARDED_BY(mutex_);
  bool deleted_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t start_ ABSL_GUARDED_BY(mutex_);  // the first sequence of its life
  // Deliveries up to it were ended by a seek.
  uint64_t seek_generation_ ABSL_GUARDED_BY(mutex_) = 0;
  // Acks that were taken and are on their way into the journal, since the seek before and since the
  // last one.
  std::array<std::atomic<int>, 2> appending_{};
  size_t seeks_ ABSL_GUARDED_BY(mutex_) = 0;
  host::MonotonicTime last_active_ ABSL_GUARDED_BY(mutex_);

  uint64_t cursor_ ABSL_GUARDED_BY(mutex_);  // the next sequence that was never looked at
  LeaseTable leases_ ABSL_GUARDED_BY(mutex_);
  RetryTable retries_ ABSL_GUARDED_BY(mutex_);
  // Held acks that were let go otherwise than by an ack.
  std::vector<uint64_t> released_ ABSL_GUARDED_BY(mutex_);
  AckMemory last_acks_ ABSL_GUARDED_BY(mutex_);  // with exactly-once delivery
  absl::btree_map<uint64_t, Dying> dying_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<DeliveryTransform> transform_ ABSL_GUARDED_BY(mutex_);  // shared: one runs on
  absl::btree_set<uint64_t> redeliver_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_redelivered_ ABSL_GUARDED_BY(mutex_) = 0;  // so that they take turns
  std::vector<SequenceSet::Range> skipped_ ABSL_GUARDED_BY(mutex_);
  uint64_t skipped_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  bool dispatching_ ABSL_GUARDED_BY(mutex_) = false;
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  // When last looked at, the topic had nothing new. Kept, not asked again: what is synced after
  // the look must wake us.
  bool caught_up_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t run_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_);
  KeyOrder order_ ABSL_GUARDED_BY(mutex_);
  // The dispatcher has been asked for a turn at this time.
  host::MonotonicTime armed_ ABSL_GUARDED_BY(mutex_) = host::MonotonicTime::max();
  // Last batches read, kept while a dispatch runs only. Used by the dispatching thread alone.
  SharedBatch batch_;
};

}  // namespace afluente::broker
