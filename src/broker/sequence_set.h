#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"

namespace afluente::broker {

// A set of sequences kept as a floor (all up to it are in) and the ranges above it, so that its
// size follows the number of holes. Not thread-safe.
class SequenceSet {
 public:
  using Range = std::pair<uint64_t, uint64_t>;  // first and last, both in

  explicit SequenceSet(uint64_t floor = 0) : floor_(floor) {}

  void Add(uint64_t first, uint64_t last);
  bool Contains(uint64_t sequence) const;
  // The first sequence at or after `from` that is not in.
  uint64_t NextMissing(uint64_t from) const;
  void RaiseFloor(uint64_t floor);

  uint64_t floor() const { return floor_; }
  // How many are in above the floor.
  uint64_t above_floor() const { return above_floor_; }
  std::vector<Range> Ranges() const { return {ranges_.begin(), ranges_.end()}; }

 private:
  void Settle();

  uint64_t floor_;
  uint64_t above_floor_ = 0;
  absl::btree_map<uint64_t, uint64_t> ranges_;  // first -> last; disjoint, never adjacent
};

}  // namespace afluente::broker
