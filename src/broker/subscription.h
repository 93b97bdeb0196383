#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "broker/batch.h"
#include "broker/key_order.h"
#include "broker/lease_table.h"
#include "broker/sequence_set.h"
#include "broker/subscriptions.h"
#include "broker/turn.h"
#include "event/filter.h"

namespace afluente::broker {

class Topic;
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

  // The durable changes. They return what to call without locks, once the record is applied.
  void Update(SubscriptionSettings settings);
  std::vector<Call> ApplyAcks(const std::vector<SequenceSet::Range>& ranges);
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

  void Acknowledge(const std::vector<std::string>& ack_ids, Subscriptions::Done done);
  void ModifyAckDeadline(const std::vector<std::string>& ack_ids, std::chrono::seconds deadline);
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
  struct Waiter {
    std::shared_ptr<Flow> flow;
    size_t messages_max;
    size_t bytes_max;
    Consumer::Ready ready;
  };
  // An answer to one waiter as it is being put together.
  struct Building {
    Waiter waiter;
    uint64_t run = 0;  // see KeyOrder
    size_t messages_max = 0;
    size_t bytes = 0;
    std::vector<Delivered> messages;
    absl::Status status;
    bool full = false;
  };
  // So many skipped messages become a record of their own.
  static constexpr uint64_t kSkippedMax = 1000;
  enum class Source { kNew, kRedeliver, kOrdered };
  struct Target {
    Source source;
    uint64_t sequence;
    KeyOrder::Key* key;
  };

  void Dispatch(bool may_block);
  std::optional<Building> Begin();
  void Fill(Building& building, bool may_block);
  // Answers the waiter, or puts it back and returns how many wait.
  size_t Finish(Building building);
  // False when another pass was asked for in the meantime.
  bool EndDispatch();
  void Watch();

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
  void Skip(uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes a leased message deliverable again, and with it what follows of its key.
  void Fail(uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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
  KeyOrder order_ ABSL_GUARDED_BY(mutex_);
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
  // The dispatcher has been asked for a turn at this time.
  host::MonotonicTime armed_ ABSL_GUARDED_BY(mutex_) = host::MonotonicTime::max();
  // Last batches read, kept while a dispatch runs only. Used by the dispatching thread alone.
  SharedBatch batch_;
};

}  // namespace afluente::broker
