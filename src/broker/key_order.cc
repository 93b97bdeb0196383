#include "broker/key_order.h"

namespace afluente::broker {

KeyOrder::Key* KeyOrder::Offer(std::string_view name, uint64_t sequence, uint64_t run) {
  Key& key = keys_[std::string(name)];
  if (key.name.empty()) key.name = std::string(name);
  bool held = !key.out.empty() && key.run != run;
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
  if (current_ != nullptr && current_->run == run && !current_->waiting.empty())
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

void KeyOrder::Clear() {
  keys_.clear();
  ready_.clear();
  current_ = nullptr;
  waiting_ = 0;
}

void KeyOrder::Settle(Key* key) {
  uint64_t ready_at = key->out.empty() && !key->waiting.empty() ? *key->waiting.begin() : 0;
  if (ready_at != key->ready_at) {
    if (key->ready_at != 0) ready_.erase(key->ready_at);
    if (ready_at != 0) ready_.emplace(ready_at, key);
    key->ready_at = ready_at;
  }
  if (!key->out.empty() || !key->waiting.empty()) return;
  if (current_ == key) current_ = nullptr;
  keys_.erase(std::string(key->name));
}

}  // namespace afluente::broker
