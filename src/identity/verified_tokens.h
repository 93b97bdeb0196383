#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "identity/verifier.h"

namespace afluente::identity {

// Good tokens by the SHA-256 of their text, two generations of them: when the younger is full it
// becomes the older, and what was not used since is forgotten. Thread-safe.
class VerifiedTokens {
 public:
  explicit VerifiedTokens(size_t generation_max) : generation_max_(generation_max) {}

  // nullptr when it is unknown.
  VerifiedTokenPtr Find(const std::string& digest);
  void Add(const std::string& digest, VerifiedTokenPtr token);

 private:
  void AddLocked(const std::string& digest, VerifiedTokenPtr token)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t generation_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, VerifiedTokenPtr> young_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, VerifiedTokenPtr> old_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::identity
