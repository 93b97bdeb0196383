#pragma once

#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"

namespace afluente::broker {

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
