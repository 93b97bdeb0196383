#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "broker/policies.h"

namespace afluente::broker {

// The policies that were set, by their resource. Part of the state: changed by State::Apply only.
// Thread-safe.
class PolicyTable {
 public:
  // ABORTED when `expected_etag` is neither empty nor the etag of what Find gives.
  absl::Status Set(const std::string& resource, std::string_view expected_etag, Policy policy);
  // The resource is gone.
  void Forget(std::string_view resource);
  // False when it has one already.
  bool Restore(std::string resource, Policy policy);

  // An empty policy, with the etag that stands for it, when none was set.
  Policy Find(std::string_view resource) const;
  std::vector<std::pair<std::string, Policy>> Capture() const;

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, Policy, std::less<>> policies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
