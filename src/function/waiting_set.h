#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/clock.h"

namespace afluente::function {

// How failed attempts are made again (Pub/Sub's retry_policy and dead_letter_policy).
struct RetryPolicy {
  std::chrono::milliseconds minimum_backoff{1'000};
  std::chrono::milliseconds maximum_backoff{60'000};
  int64_t attempts_max = 5;

  // After so many failed attempts; doubles with each, within the policy's bounds.
  std::chrono::milliseconds BackoffAfter(int64_t attempts) const;
};

// A message that is read and not decided.
struct Waiting {
  int64_t attempts = 0;        // those that failed
  host::WallTime next_time{};  // not tried before
  std::string error;           // of the last attempt
  // Not durable:
  std::string key;         // its ordering key where the function keeps order, else empty
  bool in_flight = false;  // an attempt is being made
};

// The messages that a function has read and not decided: those being tried, those that wait for
// their next attempt and, where order is kept, those that one of these holds back. Part of the
// function's state; one thread.
class WaitingSet {
 public:
  static constexpr size_t kSizeMax = 4'096;
  static constexpr size_t kErrorBytesMax = 400;

  using Entries = std::map<uint64_t, Waiting>;

  // Adds a message whose attempt begins, or marks the one that waited.
  void Start(uint64_t sequence, std::string_view key);
  // Its attempt failed: it waits until `next_time`.
  void Fail(uint64_t sequence, std::string_view key, int64_t attempts, host::WallTime next_time,
            std::string error);
  // It waits for those before it of its key; attempts made so far stay counted.
  void Hold(uint64_t sequence, std::string_view key);
  void Erase(uint64_t sequence);
  // As read back from the function's state.
  void Restore(uint64_t sequence, Waiting entry);

  // Whether a message of this key waits before `sequence`. An empty key is held by nothing.
  bool IsHeld(std::string_view key, uint64_t sequence) const;
  // The next messages to try, in order. `one_per_key`: those alone that nothing holds back; else a
  // held message too when all that hold it are due themselves.
  std::vector<uint64_t> Due(host::WallTime now, std::chrono::milliseconds wait_max,
                            bool one_per_key, size_t max) const;
  // The earliest time at which one may be due; nullopt when none waits for a time.
  std::optional<host::WallTime> NextTime() const;

  const Waiting* Find(uint64_t sequence) const;
  const Entries& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  size_t room() const { return size() < kSizeMax ? kSizeMax - size() : 0; }

 private:
  Waiting& Put(uint64_t sequence, std::string_view key);

  Entries entries_;
  std::map<std::string, std::set<uint64_t>, std::less<>> keys_;
};

}  // namespace afluente::function
