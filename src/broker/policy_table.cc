#include "broker/policy_table.h"

namespace afluente::broker {
namespace {

// "ACAB" in base64: what Google's services answer where no policy was set.
constexpr std::string_view kNoPolicyEtag{"\0\x20\x01", 3};

}  // namespace

absl::Status PolicyTable::Set(const std::string& resource, std::string_view expected_etag,
                              Policy policy) {
  absl::MutexLock lock(&mutex_);
  auto it = policies_.find(resource);
  std::string_view current = it == policies_.end() ? kNoPolicyEtag : it->second.etag;
  if (!expected_etag.empty() && expected_etag != current) {
    return absl::AbortedError(
        "There were concurrent policy changes: the etag is not the current one. Read the policy "
        "again and repeat the change.");
  }
  policies_.insert_or_assign(resource, std::move(policy));
  return absl::OkStatus();
}

void PolicyTable::Forget(std::string_view resource) {
  absl::MutexLock lock(&mutex_);
  if (auto it = policies_.find(resource); it != policies_.end()) policies_.erase(it);
}

bool PolicyTable::Restore(std::string resource, Policy policy) {
  absl::MutexLock lock(&mutex_);
  return policies_.emplace(std::move(resource), std::move(policy)).second;
}

Policy PolicyTable::Find(std::string_view resource) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (auto it = policies_.find(resource); it != policies_.end()) return it->second;
  Policy none;
  none.etag = std::string(kNoPolicyEtag);
  return none;
}

std::vector<std::pair<std::string, Policy>> PolicyTable::Capture() const {
  absl::ReaderMutexLock lock(&mutex_);
  return {policies_.begin(), policies_.end()};
}

}  // namespace afluente::broker
