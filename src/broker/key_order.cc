#include "broker/key_order.h"

#include <algorithm>
#include <iterator>

namespace afluente::broker {

KeyOrder::Key& KeyOrder::At(std::string_view name) {
  auto [it, fresh] = keys_.try_emplace(std::string(name));
  if (fresh) {
    it->second.name = std::string(name);
    it->second.done_generation = first_generation_;
  }
  return it->second;
}

KeyOrder::Key* KeyOrder::Offer(std::string_view name, uint64_t sequence, uint64_t run,
                               uint64_t generation) {
  Key& key = At(name);
  bool held = key.held_until != kNotHeld || (!key.out.empty() && key.run != run);
  bool overtakes = !key.waiting.empty() && key.waiting.begin()->first < sequence;
  if (held || overtakes) {
    Wait(&key, sequence, 0);
    Settle(&key);
    return nullptr;
  }
  if (waiting_.erase(sequence) > 0) {
    key.waiting.erase(sequence);
    last_ready_ = sequence;
  }
  key.out.emplace(sequence, generation);
  key.run = run;
  current_ = &key;
  Settle(&key);
  return &key;
}

std::optional<std::pair<KeyOrder::Key*, uint64_t>> KeyOrder::NextReady(uint64_t run) const {
  if (current_ != nullptr && current_->run == run && current_->held_until == kNotHeld &&
      !current_->waiting.empty())
    return std::pair(current_, current_->waiting.begin()->first);
  if (ready_.empty()) return std::nullopt;
  auto it = ready_.upper_bound(last_ready_);
  if (it == ready_.end()) it = ready_.begin();
  return std::pair(it->second, it->first);
}

void KeyOrder::Drop(Key* key, uint64_t sequence) {
  waiting_.erase(sequence);
  if (auto it = key->waiting.find(sequence); it != key->waiting.end()) {
    NoteDone(key, sequence, it->second);
    key->waiting.erase(it);
  }
  Settle(key);
}

void KeyOrder::Done(Key* key, uint64_t sequence) {
  if (auto it = key->out.find(sequence); it != key->out.end()) {
    NoteDone(key, sequence, it->second);
    key->out.erase(it);
  }
  Settle(key);
}

void KeyOrder::NoteDone(Key* key, uint64_t sequence, uint64_t generation) {
  // A dead letter may overtake, and says nothing of those before it.
  if (Before(*key, sequence) == 0)
    key->done_generation = std::max(key->done_generation, generation);
}

void KeyOrder::Hold(Key* key, host::MonotonicTime until) {
  until = std::max(until, key->held_until);
  held_.erase({key->held_until, key});
  held_.emplace(until, key);
  key->held_until = until;
  Settle(key);
}

void KeyOrder::HoldNew(std::string_view name, uint64_t sequence, host::MonotonicTime until) {
  Key& key = At(name);
  Wait(&key, sequence, 0);
  Hold(&key, until);
}

void KeyOrder::ReleaseDue(host::MonotonicTime now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    Key* key = held_.begin()->second;
    held_.erase(held_.begin());
    key->held_until = kNotHeld;
    Settle(key);
  }
}

host::MonotonicTime KeyOrder::next_release() const {
  return held_.empty() ? host::MonotonicTime::max() : held_.begin()->first;
}

bool KeyOrder::Stands(const Key& key, uint64_t sequence, uint64_t generation) {
  // Those before it are delivered one after the other, so the nearest one is the newest.
  uint64_t newest = std::max(key.done_generation, LastDelivery(key, Before(key, sequence)));
  return newest < generation && generation <= LastDelivery(key, sequence);
}

uint64_t KeyOrder::LastDelivery(const Key& key, uint64_t sequence) {
  if (auto it = key.out.find(sequence); it != key.out.end()) return it->second;
  auto it = key.waiting.find(sequence);
  return it == key.waiting.end() ? 0 : it->second;
}

uint64_t KeyOrder::Before(const Key& key, uint64_t sequence) {
  uint64_t before = 0;
  for (const auto* each : {&key.out, &key.waiting}) {
    auto it = each->lower_bound(sequence);
    if (it != each->begin()) before = std::max(before, std::prev(it)->first);
  }
  return before;
}

uint64_t KeyOrder::OutAfter(const Key& key, uint64_t sequence) {
  auto it = key.out.upper_bound(sequence);
  return it == key.out.end() ? 0 : it->first;
}

const KeyOrder::Key* KeyOrder::FindWaiting(uint64_t sequence) const {
  auto it = waiting_.find(sequence);
  return it == waiting_.end() ? nullptr : it->second;
}

void KeyOrder::Clear() {
  keys_.clear();
  ready_.clear();
  held_.clear();
  current_ = nullptr;
  waiting_.clear();
}

void KeyOrder::Wait(Key* key, uint64_t sequence, uint64_t generation) {
  key->waiting.emplace(sequence, generation);
  waiting_.emplace(sequence, key);
}

void KeyOrder::Settle(Key* key) {
  bool ready = key->held_until == kNotHeld && key->out.empty() && !key->waiting.empty();
  uint64_t ready_at = ready ? key->waiting.begin()->first : 0;
  if (ready_at != key->ready_at) {
    if (key->ready_at != 0) ready_.erase(key->ready_at);
    if (ready_at != 0) ready_.emplace(ready_at, key);
    key->ready_at = ready_at;
  }
  if (!key->out.empty() || !key->waiting.empty()) return;
  if (current_ == key) current_ = nullptr;
  held_.erase({key->held_until, key});
  keys_.erase(std::string(key->name));
}

}  // namespace afluente::broker
