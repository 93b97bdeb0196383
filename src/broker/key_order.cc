#include "broker/key_order.h"

#include <algorithm>
#include <iterator>

namespace afluente::broker {

KeyOrder::Key* KeyOrder::Offer(std::string_view name, uint64_t sequence, uint64_t run) {
  Key& key = keys_[std::string(name)];
  if (key.name.empty()) key.name = std::string(name);
  bool held = key.held_until != kNotHeld || (!key.out.empty() && key.run != run);
  bool overtakes = !key.waiting.empty() && *key.waiting.begin() < sequence;
  if (held || overtakes) {
    Wait(&key, sequence);
    Settle(&key);
    return nullptr;
  }
  if (waiting_.erase(sequence) > 0) {
    key.waiting.erase(sequence);
    last_ready_ = sequence;
  }
  key.out.insert(sequence);
  key.run = run;
  current_ = &key;
  Settle(&key);
  return &key;
}

std::optional<std::pair<KeyOrder::Key*, uint64_t>> KeyOrder::NextReady(uint64_t run) const {
  if (current_ != nullptr && current_->run == run && current_->held_until == kNotHeld &&
      !current_->waiting.empty())
    return std::pair(current_, *current_->waiting.begin());
  if (ready_.empty()) return std::nullopt;
  auto it = ready_.upper_bound(last_ready_);
  if (it == ready_.end()) it = ready_.begin();
  return std::pair(it->second, it->first);
}

void KeyOrder::Drop(Key* key, uint64_t sequence) {
  waiting_.erase(sequence);
  key->waiting.erase(sequence);
  Settle(key);
}

void KeyOrder::Done(Key* key, uint64_t sequence) {
  key->out.erase(sequence);
  Settle(key);
}

void KeyOrder::Hold(Key* key, host::MonotonicTime until) {
  until = std::max(until, key->held_until);
  held_.erase({key->held_until, key});
  held_.emplace(until, key);
  key->held_until = until;
  Settle(key);
}

void KeyOrder::HoldNew(std::string_view name, uint64_t sequence, host::MonotonicTime until) {
  Key& key = keys_[std::string(name)];
  if (key.name.empty()) key.name = std::string(name);
  Wait(&key, sequence);
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

uint64_t KeyOrder::Before(const Key& key, uint64_t sequence) {
  uint64_t before = 0;
  for (const auto* each : {&key.out, &key.waiting}) {
    auto it = each->lower_bound(sequence);
    if (it != each->begin()) before = std::max(before, *std::prev(it));
  }
  return before;
}

uint64_t KeyOrder::OutAfter(const Key& key, uint64_t sequence) {
  auto it = key.out.upper_bound(sequence);
  return it == key.out.end() ? 0 : *it;
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

void KeyOrder::Wait(Key* key, uint64_t sequence) {
  key->waiting.insert(sequence);
  waiting_.emplace(sequence, key);
}

void KeyOrder::Settle(Key* key) {
  bool ready = key->held_until == kNotHeld && key->out.empty() && !key->waiting.empty();
  uint64_t ready_at = ready ? *key->waiting.begin() : 0;
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
