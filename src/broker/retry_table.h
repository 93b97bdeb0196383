#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "host/clock.h"

namespace afluente::broker {

// A message's sequence and how many of its deliveries failed.
using FailureCount = std::pair<uint64_t, uint32_t>;

// What failed deliveries left behind in one subscription: how often each message failed, and which
// messages wait for their next delivery. Messages of ordering keys wait in KeyOrder instead. Not
// thread-safe.
class RetryTable {
 public:
  uint32_t failures(uint64_t sequence) const;
  // One more failed delivery; returns how many there are now.
  uint32_t Fail(uint64_t sequence);
  // As recorded earlier; counts never fall. `restored` counts are of before a restart: what their
  // messages wait for begins anew.
  void Merge(const std::vector<FailureCount>& counts, bool restored);
  // True once for a message that failed before the restart.
  bool TakeRestored(uint64_t sequence) { return restored_.erase(sequence) > 0; }
  // Counts that were not taken for a record yet.
  std::vector<FailureCount> TakeUnrecorded();
  bool has_unrecorded() const { return !unrecorded_.empty(); }
  // Acked or lost messages.
  void Forget(uint64_t first, uint64_t last);
  std::vector<FailureCount> Counts() const { return {failures_.begin(), failures_.end()}; }

  void WaitUntil(uint64_t sequence, host::MonotonicTime at) { waits_.emplace(at, sequence); }
  // A message whose wait is over, 0 when there is none.
  uint64_t TakeDue(host::MonotonicTime now);
  host::MonotonicTime next_due() const;
  size_t waiting() const { return waits_.size(); }
  void Clear();

 private:
  absl::btree_map<uint64_t, uint32_t> failures_;
  absl::btree_set<uint64_t> unrecorded_;
  absl::btree_set<uint64_t> restored_;
  absl::btree_set<std::pair<host::MonotonicTime, uint64_t>> waits_;
};

}  // namespace afluente::broker
