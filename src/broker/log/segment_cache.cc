#include "broker/log/segment_cache.h"

#include <algorithm>

#include "broker/log/format.h"
#include "host/check.h"

namespace afluente::broker::log {
namespace {

constexpr size_t kOpenMax = 32;

}  // namespace

std::shared_ptr<const host::File> SegmentCache::Find(uint64_t number) {
  absl::MutexLock lock(&mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->first != number) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entries_.front().second;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const host::File>> SegmentCache::Get(uint64_t number) {
  if (std::shared_ptr<const host::File> found = Find(number); found != nullptr) return found;
  AFLUENTE_ASSIGN_OR_RETURN(
      std::unique_ptr<host::File> opened,
      files_.Open(SegmentPath(directory_, number), host::FileSystem::Mode::kRead));
  std::shared_ptr<const host::File> file = std::move(opened);
  absl::MutexLock lock(&mutex_);
  entries_.emplace_front(number, file);
  if (entries_.size() > kOpenMax) entries_.pop_back();
  return file;
}

void SegmentCache::Forget(uint64_t number) {
  absl::MutexLock lock(&mutex_);
  entries_.remove_if([number](const Entry& entry) { return entry.first == number; });
}

}  // namespace afluente::broker::log
