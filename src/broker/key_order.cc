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
    if (key.waiting.insert(sequence).second) ++waiting_;
    Settle(&key);
    return nullptr;
  }
  if (key.waiting.erase(sequence) > 0) {
    --waiting_;
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
  waiting_ -= key->waiting.erase(sequence);
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
  if (key.waiting.insert(sequence).second) ++waiting_;
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

uint64_t KeyOrder::OutBefore(const Key& key, uint64_t sequence) {
  auto it = key.out.lower_bound(sequence);
  return it == key.out.begin() ? 0 : *std::prev(it);
}

void KeyOrder::Clear() {
  keys_.clear();
  ready_.clear();
  held_.clear();
  current_ = nullptr;
  waiting_ = 0;
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
