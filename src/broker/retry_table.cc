#include "broker/retry_table.h"

#include <algorithm>

namespace afluente::broker {

uint32_t RetryTable::failures(uint64_t sequence) const {
  auto it = failures_.find(sequence);
  return it == failures_.end() ? 0 : it->second;
}

uint32_t RetryTable::Fail(uint64_t sequence) {
  unrecorded_.insert(sequence);
  return ++failures_[sequence];
}

void RetryTable::Merge(const std::vector<FailureCount>& counts, bool restored) {
  for (auto [sequence, failures] : counts) {
    uint32_t& known = failures_[sequence];
    known = std::max(known, failures);
    if (restored) restored_.insert(sequence);
  }
}

std::vector<FailureCount> RetryTable::TakeUnrecorded() {
  std::vector<FailureCount> counts;
  for (uint64_t sequence : unrecorded_) counts.emplace_back(sequence, failures(sequence));
  unrecorded_.clear();
  return counts;
}

void RetryTable::Forget(uint64_t first, uint64_t last) {
  failures_.erase(failures_.lower_bound(first), failures_.upper_bound(last));
  for (auto* each : {&unrecorded_, &restored_})
    each->erase(each->lower_bound(first), each->upper_bound(last));
}

uint64_t RetryTable::TakeDue(host::MonotonicTime now) {
  if (waits_.empty() || waits_.begin()->first > now) return 0;
  uint64_t sequence = waits_.begin()->second;
  waits_.erase(waits_.begin());
  return sequence;
}

host::MonotonicTime RetryTable::next_due() const {
  return waits_.empty() ? host::MonotonicTime::max() : waits_.begin()->first;
}

void RetryTable::Clear() {
  failures_.clear();
  unrecorded_.clear();
  restored_.clear();
  waits_.clear();
}

}  // namespace afluente::broker
