#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "host/clock.h"

namespace afluente::broker {

// Keeps the messages of each ordering key in order for one subscription: a key's messages go out
// in runs, one run at a time, and the next run starts when every message of the last is done or
// has failed. A key whose message failed may be held back for a while as a whole. Holds only keys
// that have messages out or waiting. Not thread-safe.
class KeyOrder {
 public:
  static constexpr host::MonotonicTime kNotHeld = host::MonotonicTime::min();

  struct Key {
    std::string name;
    absl::btree_set<uint64_t> out;      // delivered, neither done nor failed
    absl::btree_set<uint64_t> waiting;  // seen, but not theirs to go yet; all after a failure
    uint64_t run = 0;
    uint64_t ready_at = 0;  // its place in ready_; 0 = not ready
    host::MonotonicTime held_until = kNotHeld;
  };

  // The key when `sequence` may go out as part of `run`, and then it counts as out; null when it
  // waits. Sequences of a key are offered in order, but for those NextReady gave.
  Key* Offer(std::string_view name, uint64_t sequence, uint64_t run);

  // A waiting message that may go out in `run`: of the key that the run is at, or of another.
  std::optional<std::pair<Key*, uint64_t>> NextReady(uint64_t run) const;
  // The message that NextReady gave is wanted no more.
  void Drop(Key* key, uint64_t sequence);

  void Done(Key* key, uint64_t sequence);
  // A message that is out failed: it and what is out after it wait again, but for those `keeps`
  // holds on to. Returns all that now wait.
  template <typename Keeps>
  std::vector<uint64_t> Fail(Key* key, uint64_t sequence, Keeps keeps);

  // Nothing of the key goes out before `until`.
  void Hold(Key* key, host::MonotonicTime until);
  // The same, for a message that waits from now on.
  void HoldNew(std::string_view name, uint64_t sequence, host::MonotonicTime until);
  void ReleaseDue(host::MonotonicTime now);
  host::MonotonicTime next_release() const;

  // The last message of the key before `sequence` that is out or waits; 0 when none does.
  static uint64_t Before(const Key& key, uint64_t sequence);
  // The first message of the key that is out after `sequence`; 0 when none is.
  static uint64_t OutAfter(const Key& key, uint64_t sequence);
  // The key of a message that waits, or null.
  const Key* FindWaiting(uint64_t sequence) const;

  size_t waiting() const { return waiting_.size(); }
  bool ready() const { return !ready_.empty(); }
  void Clear();

 private:
  void Wait(Key* key, uint64_t sequence);
  // Puts the key where its sets say: among the ready ones, or away when it is empty.
  void Settle(Key* key);

  absl::node_hash_map<std::string, Key> keys_;
  absl::btree_map<uint64_t, Key*> ready_;  // by first waiting message
  absl::btree_set<std::pair<host::MonotonicTime, Key*>> held_;
  Key* current_ = nullptr;                       // of the last run
  uint64_t last_ready_ = 0;                      // so that ready keys take turns
  absl::flat_hash_map<uint64_t, Key*> waiting_;  // by sequence
};

template <typename Keeps>
std::vector<uint64_t> KeyOrder::Fail(Key* key, uint64_t sequence, Keeps keeps) {
  std::vector<uint64_t> failed;
  for (auto it = key->out.lower_bound(sequence); it != key->out.end(); ++it) {
    if (!keeps(*it)) failed.push_back(*it);
  }
  for (uint64_t each : failed) {
    key->out.erase(each);
    Wait(key, each);
  }
  key->run = 0;
  Settle(key);
  return failed;
}

}  // namespace afluente::broker
