#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/batch.h"
#include "broker/counters.h"
#include "broker/log/journal.h"
#include "broker/message_index.h"
#include "broker/resources.h"
#include "broker/state_image.h"
#include "host/clock.h"

namespace afluente::broker {

class TransformChain;

// Puts a topic's publishes into the journal in the order of their publish times. Thread-safe.
class PublishOrder {
 public:
  // Sets the publish time of `payload` and of `batch` (not null) and appends it.
  void Append(log::Journal& journal, const host::Clock& clock, std::string payload, Batch* batch,
              log::Journal::Appended done);
  // Later publishes are not before `time`.
  void NotBefore(host::WallTime time);

 private:
  absl::Mutex mutex_;
  host::WallTime last_ ABSL_GUARDED_BY(mutex_){};
};

// One incarnation of a topic: its index of the journal, its latest messages in memory, and those
// who wait for more or keep messages from being cleaned. Shared by the state, readers and
// subscriptions. Changed by State::Apply only (Add, Release, Move, Update, MarkDeleted); read by
// all threads.
class Topic {
 public:
  using Wake = absl::AnyInvocable<void()>;

  Topic(uint64_t incarnation, TopicSettings settings);
  // As a snapshot holds it.
  Topic(uint64_t incarnation, TopicSettings settings, MessageIndex index,
        host::WallTime last_publish_time, bool deleted);

  uint64_t incarnation() const { return incarnation_; }
  const std::string& name() const { return name_; }
  uint64_t last_sequence() const { return last_sequence_.load(std::memory_order_acquire); }
  uint64_t first_sequence() const { return first_sequence_.load(std::memory_order_acquire); }
  bool deleted() const { return deleted_.load(std::memory_order_acquire); }
  PublishOrder& publish_order() { return publish_order_; }
  TopicSettings settings() const;
  // Whether its settings name a schema or transforms, without the price of a copy.
  bool has_rules() const { return has_rules_.load(std::memory_order_acquire); }
  // Null without any that is enabled. Shared: a publish may outlive a change of the settings.
  std::shared_ptr<const TransformChain> transforms() const;
  TopicCounters& counters() { return counters_; }

  // Adds `count` synced messages; `batch` (may be null) holds them and is numbered here. Returns
  // those who waited for them, to be called without locks.
  std::vector<Wake> Add(const log::Place& place, uint32_t count, host::WallTime publish_time,
                        std::shared_ptr<Batch> batch);
  // A record that only looks like a publish to it was applied.
  void EndBlock();
  void Update(TopicSettings settings);
  void MarkDeleted() { deleted_.store(true, std::memory_order_release); }
  void Release(uint64_t before_segment);
  // Messages lie in a record of their own now; see MessageIndex::Move.
  void Move(const log::Place& place, uint64_t first_sequence, uint32_t count);
  // Drops the oldest batch from memory, or all.
  void EvictOldest();
  void EvictAll();

  // The batch that holds a retained sequence: from memory, or from the journal (blocks); null when
  // that is needed and `may_block` is false. DATA_LOSS when damaged, OUT_OF_RANGE when not kept.
  absl::StatusOr<SharedBatch> Fetch(const log::Journal& journal, uint64_t sequence,
                                    bool may_block) const;

  // Calls `ready` once when a message after `after_sequence` is synced, at once if one is.
  // Replaces what waits under `key`.
  void Wait(const void* key, uint64_t after_sequence, Wake ready);
  void CancelWait(const void* key);

  // Keeps the messages after `after_sequence` for the reader `key`.
  void Pin(const void* key, uint64_t after_sequence);
  void Unpin(const void* key);
  bool pinned() const;

  // The first sequence that pins or topic retention need; last + 1 when none.
  uint64_t FirstNeeded(host::WallTime now) const;
  // The first retained sequence published at or after `time`.
  uint64_t FirstSince(host::WallTime time) const;
  // Where a sequence's record lies and when it was published (rounded up to the second).
  std::optional<MessageIndex::Found> Find(uint64_t sequence) const;
  // As MessageIndex has them.
  std::vector<MessageIndex::Found> BlocksIn(uint64_t segment, uint64_t from_sequence) const;
  void AddBytes(uint64_t from_sequence, MessageIndex::BytesBySegment& bytes) const;

  TopicImage Capture() const;

 private:
  // Follows settings_.
  void SetRules() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  struct Waiting {
    uint64_t after_sequence;
    Wake ready;
  };
  absl::Status NotRetained(uint64_t sequence) const;
  absl::StatusOr<SharedBatch> ReadBlock(const log::Journal& journal,
                                        const MessageIndex::Found& found, uint64_t sequence) const;
  SharedBatch FindRecent(uint64_t sequence) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t incarnation_;
  const std::string name_;
  PublishOrder publish_order_;
  TopicCounters counters_;
  std::atomic<uint64_t> last_sequence_;
  std::atomic<uint64_t> first_sequence_;
  std::atomic<bool> deleted_;
  std::atomic<bool> has_rules_{false};

  mutable absl::Mutex mutex_;
  TopicSettings settings_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const TransformChain> transforms_ ABSL_GUARDED_BY(mutex_);
  MessageIndex index_ ABSL_GUARDED_BY(mutex_);
  host::WallTime last_publish_time_ ABSL_GUARDED_BY(mutex_){};
  std::deque<SharedBatch> recent_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const void*, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const void*, uint64_t> pins_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
