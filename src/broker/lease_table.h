#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "broker/key_order.h"
#include "broker/sequence_set.h"
#include "broker/subscriptions.h"
#include "host/clock.h"

namespace afluente::broker {

class DeliveryTransform;

// What one consumer holds, against what it may hold. Guarded by its subscription's mutex.
struct Flow {
  ConsumerOptions options;
  int64_t messages = 0;
  int64_t bytes = 0;
  bool closed = false;

  bool HasRoom() const {
    return (options.outstanding_messages_max <= 0 || messages < options.outstanding_messages_max) &&
           (options.outstanding_bytes_max <= 0 || bytes < options.outstanding_bytes_max);
  }
};

// A call of Consumer::Next that waits for its answer.
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
  std::shared_ptr<DeliveryTransform> transform;
  absl::Status status;
  bool full = false;
};

// One delivery that was neither acked nor given back.
struct Lease {
  host::MonotonicTime deadline;
  host::MonotonicTime delivered;
  uint64_t generation = 0;
  std::shared_ptr<Flow> flow;  // shared: the lease outlives its consumer
  uint32_t bytes = 0;
  bool acking = false;  // its ack is on the way to the disk
  bool held = false;    // acked; until `acking`, an earlier message of its key is still out
  KeyOrder::Key* key = nullptr;
};

// The leases of one subscription by sequence, and which run out first. Not thread-safe.
class LeaseTable {
 public:
  void Grant(uint64_t sequence, Lease lease);
  Lease* Find(uint64_t sequence);
  void Extend(uint64_t sequence, Lease& lease, host::MonotonicTime deadline);
  // It is acked: its deadline counts no more, and its consumer has room again.
  void Hold(Lease& lease);
  // As if it had not been acked: it runs on.
  void Resume(uint64_t sequence, Lease& lease);
  // Takes the lease away and gives its consumer room; returns it.
  Lease Take(uint64_t sequence);
  // The leases that ran out by `now`, ascending. The caller takes them: they come up once.
  std::vector<uint64_t> Expired(host::MonotonicTime now);
  // No lease runs out before this; max() when there is none.
  host::MonotonicTime next_deadline() const;
  size_t size() const { return leases_.size(); }
  void Clear();

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [sequence, lease] : leases_) visit(sequence, lease);
  }

 private:
  struct Deadline {
    host::MonotonicTime at;
    uint64_t sequence;
    uint64_t generation;
    bool operator>(const Deadline& other) const { return at > other.at; }
  };
  // Whether this is the running lease's own deadline: entries of ended or extended leases stay in
  // the queue until they come up.
  bool IsCurrent(const Deadline& deadline) const;
  void Compact();

  absl::flat_hash_map<uint64_t, Lease> leases_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
};

// Messages whose acks one record makes durable, as it is being put together.
struct Acking {
  std::vector<uint64_t> sequences;
  std::vector<std::string> ack_ids;  // with exactly-once delivery: those to answer
  bool held = false;                 // acks were held
  std::vector<SequenceSet::Range> ranges;
  std::atomic<int>* appending = nullptr;  // counts it until it is in the journal's queue
};

// Which delivery acked a message, for the last acks of a subscription: an ack that is sent again
// because its answer was lost succeeds again. Not thread-safe.
class AckMemory {
 public:
  void Add(uint64_t sequence, uint64_t generation) {
    if (!generations_.emplace(sequence, generation).second) return;
    order_.push_back(sequence);
    if (order_.size() <= kAcksMax) return;
    generations_.erase(order_.front());
    order_.pop_front();
  }
  bool Holds(uint64_t sequence, uint64_t generation) const {
    auto it = generations_.find(sequence);
    return it != generations_.end() && it->second == generation;
  }

 private:
  static constexpr size_t kAcksMax = 20'000;
  absl::flat_hash_map<uint64_t, uint64_t> generations_;  // by sequence
  std::deque<uint64_t> order_;                           // oldest first
};

}  // namespace afluente::broker
