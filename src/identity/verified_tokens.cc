#include "identity/verified_tokens.h"

#include <utility>

namespace afluente::identity {

VerifiedTokenPtr VerifiedTokens::Find(const std::string& digest) {
  absl::MutexLock lock(&mutex_);
  if (const auto found = young_.find(digest); found != young_.end()) return found->second;
  const auto found = old_.find(digest);
  if (found == old_.end()) return nullptr;
  VerifiedTokenPtr token = found->second;
  AddLocked(digest, token);
  return token;
}

void VerifiedTokens::Add(const std::string& digest, VerifiedTokenPtr token) {
  absl::MutexLock lock(&mutex_);
  AddLocked(digest, std::move(token));
}

void VerifiedTokens::AddLocked(const std::string& digest, VerifiedTokenPtr token) {
  if (young_.size() >= generation_max_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_[digest] = std::move(token);
}

}  // namespace afluente::identity
