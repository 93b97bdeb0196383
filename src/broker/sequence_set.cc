#include "broker/sequence_set.h"

#include <algorithm>

namespace afluente::broker {

void SequenceSet::Add(uint64_t first, uint64_t last) {
  first = std::max(first, floor_ + 1);
  if (first > last) return;
  auto it = ranges_.upper_bound(first);
  if (it != ranges_.begin()) {
    auto before = std::prev(it);
    if (before->second >= last) return;
    if (before->second + 1 >= first) it = before;
  }
  // Swallow every range that touches the new one.
  while (it != ranges_.end() && it->first <= last + 1) {
    first = std::min(first, it->first);
    last = std::max(last, it->second);
    above_floor_ -= it->second - it->first + 1;
    it = ranges_.erase(it);
  }
  ranges_.emplace(first, last);
  above_floor_ += last - first + 1;
  Settle();
}

bool SequenceSet::Contains(uint64_t sequence) const {
  if (sequence <= floor_) return true;
  auto it = ranges_.upper_bound(sequence);
  return it != ranges_.begin() && std::prev(it)->second >= sequence;
}

uint64_t SequenceSet::NextMissing(uint64_t from) const {
  if (from <= floor_) from = floor_ + 1;
  auto it = ranges_.upper_bound(from);
  if (it == ranges_.begin()) return from;
  return std::max(from, std::prev(it)->second + 1);
}

void SequenceSet::RaiseFloor(uint64_t floor) {
  if (floor <= floor_) return;
  floor_ = floor;
  Settle();
}

void SequenceSet::Settle() {
  while (!ranges_.empty() && ranges_.begin()->first <= floor_ + 1) {
    auto [first, last] = *ranges_.begin();
    above_floor_ -= last - first + 1;
    floor_ = std::max(floor_, last);
    ranges_.erase(ranges_.begin());
  }
}

}  // namespace afluente::broker
