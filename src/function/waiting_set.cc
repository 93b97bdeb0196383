#include "function/waiting_set.h"

#include <algorithm>

namespace afluente::function {

std::chrono::milliseconds RetryPolicy::BackoffAfter(int64_t attempts) const {
  auto backoff = minimum_backoff;
  for (int64_t i = 1; i < attempts && backoff < maximum_backoff; ++i) backoff *= 2;
  return std::min(backoff, maximum_backoff);
}

Waiting& WaitingSet::Put(uint64_t sequence, std::string_view key) {
  const auto [it, added] = entries_.try_emplace(sequence);
  if (added && !key.empty()) {
    it->second.key = key;
    keys_[it->second.key].insert(sequence);
  }
  return it->second;
}

void WaitingSet::Start(uint64_t sequence, std::string_view key) {
  Put(sequence, key).in_flight = true;
}

void WaitingSet::Fail(uint64_t sequence, std::string_view key, int64_t attempts,
                      host::WallTime next_time, std::string error) {
  Waiting& entry = Put(sequence, key);
  entry.attempts = attempts;
  entry.next_time = next_time;
  entry.error = std::move(error);
  if (entry.error.size() > kErrorBytesMax) entry.error.resize(kErrorBytesMax);
  entry.in_flight = false;
}

void WaitingSet::Hold(uint64_t sequence, std::string_view key) {
  Put(sequence, key).in_flight = false;
}

void WaitingSet::Erase(uint64_t sequence) {
  const auto it = entries_.find(sequence);
  if (it == entries_.end()) return;
  if (const auto key = keys_.find(it->second.key); key != keys_.end()) {
    key->second.erase(sequence);
    if (key->second.empty()) keys_.erase(key);
  }
  entries_.erase(it);
}

void WaitingSet::Restore(uint64_t sequence, Waiting entry) { Put(sequence, entry.key) = entry; }

bool WaitingSet::IsHeld(std::string_view key, uint64_t sequence) const {
  if (key.empty()) return false;
  const auto it = keys_.find(key);
  return it != keys_.end() && *it->second.begin() < sequence;
}

std::vector<uint64_t> WaitingSet::Due(host::WallTime now, std::chrono::milliseconds wait_max,
                                      bool one_per_key, size_t max) const {
  std::vector<uint64_t> due;
  std::set<std::string_view> blocked;
  for (const auto& [sequence, entry] : entries_) {
    if (due.size() == max) break;
    if (!entry.key.empty() && blocked.contains(entry.key)) continue;
    // A clock that was set back makes nobody wait longer than the longest backoff.
    const bool ready = entry.next_time <= now || entry.next_time > now + wait_max;
    const bool taken = !entry.in_flight && ready;
    if (taken) due.push_back(sequence);
    if (!entry.key.empty() && (!taken || one_per_key)) blocked.insert(entry.key);
  }
  return due;
}

std::optional<host::WallTime> WaitingSet::NextTime() const {
  std::optional<host::WallTime> next;
  for (const auto& [sequence, entry] : entries_) {
    if (entry.in_flight || IsHeld(entry.key, sequence)) continue;
    if (!next || entry.next_time < *next) next = entry.next_time;
  }
  return next;
}

const Waiting* WaitingSet::Find(uint64_t sequence) const {
  const auto it = entries_.find(sequence);
  return it == entries_.end() ? nullptr : &it->second;
}

}  // namespace afluente::function
