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
// that have messages out or waiting; a delivery is named by its generation, which only grows. Not
// thread-safe.
class KeyOrder {
 public:
  static constexpr host::MonotonicTime kNotHeld = host::MonotonicTime::min();

  struct Key {
    std::string name;
    // By sequence, with the generation of the last delivery; 0 = none since the restart.
    absl::btree_map<uint64_t, uint64_t> out;  // delivered, neither done nor failed
    absl::btree_map<uint64_t, uint64_t>
        waiting;                   // seen, but not theirs to go yet; as after a failure
    uint64_t done_generation = 0;  // no message that is done was delivered after it
    uint64_t run = 0;
    uint64_t ready_at = 0;  // its place in ready_; 0 = not ready
    host::MonotonicTime held_until = kNotHeld;
  };

  // All deliveries up to `generation` are of before the restart.
  explicit KeyOrder(uint64_t generation) : first_generation_(generation) {}

  // The key when `sequence` may go out as part of `run`, and then it counts as out, delivered as
  // `generation`; null when it waits. Sequences of a key are offered in order, but for those
  // NextReady gave.
  Key* Offer(std::string_view name, uint64_t sequence, uint64_t run, uint64_t generation);

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

  // Whether this was a delivery of `sequence`, and still stands: no earlier message of the key was
  // delivered after it.
  static bool Stands(const Key& key, uint64_t sequence, uint64_t generation);
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
  // 0 when there was none.
  static uint64_t LastDelivery(const Key& key, uint64_t sequence);
  Key& At(std::string_view name);
  void Wait(Key* key, uint64_t sequence, uint64_t generation);
  // Before the message is taken out of its key.
  static void NoteDone(Key* key, uint64_t sequence, uint64_t generation);
  // Puts the key where its sets say: among the ready ones, or away when it is empty.
  void Settle(Key* key);

  const uint64_t first_generation_;
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
  for (auto it = key->out.lower_bound(sequence); it != key->out.end();) {
    auto [each, generation] = *it;
    if (keeps(each)) {
      ++it;
      continue;
    }
    failed.push_back(each);
    it = key->out.erase(it);
    Wait(key, each, generation);
  }
  key->run = 0;
  Settle(key);
  return failed;
}

}  // namespace afluente::broker
