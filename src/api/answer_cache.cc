#include "api/answer_cache.h"

#include <utility>

namespace afluente::api {
namespace {

// What an entry takes besides its texts: nodes, pointers, headers.
constexpr size_t kEntryBytes = 512;

size_t BytesOf(const std::string& key, const KeptAnswer& answer) {
  size_t bytes = kEntryBytes + 2 * key.size() + answer.tag.size() + answer.response.body.size();
  for (const auto& [name, value] : answer.response.headers.entries()) {
    bytes += 2 * sizeof(std::string) + name.size() + value.size();
  }
  return bytes;
}

}  // namespace

AnswerCache::Kept AnswerCache::Find(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second.place);
  return found->second.answer;
}

bool AnswerCache::Begin(const std::string& key, Waiter& waiter) {
  absl::MutexLock lock(&mutex_);
  const auto [found, first] = making_.try_emplace(key);
  if (!first) found->second.push_back(std::move(waiter));
  return first;
}

void AnswerCache::Finish(const std::string& key, Kept answer, bool keep) {
  std::vector<Waiter> waiters;
  {
    absl::MutexLock lock(&mutex_);
    const auto making = making_.find(key);
    if (making != making_.end()) {
      waiters = std::move(making->second);
      making_.erase(making);
    }
    const size_t bytes = BytesOf(key, *answer);
    Drop(key);
    if (keep && bytes <= bytes_max_) {
      while (bytes_ + bytes > bytes_max_) Drop(std::string(by_use_.back()));
      by_use_.push_front(key);
      entries_[key] = Entry{answer, bytes, by_use_.begin()};
      bytes_ += bytes;
    }
  }
  for (Waiter& waiter : waiters) waiter(answer);
}

void AnswerCache::Drop(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  bytes_ -= found->second.bytes;
  by_use_.erase(found->second.place);
  entries_.erase(found);
}

}  // namespace afluente::api
