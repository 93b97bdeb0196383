#pragma once

#include <chrono>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

namespace afluente::identity {
class KeyStore;
}

namespace afluente::roles {

// Looks at key stores now and then, and rotates those whose key is old: a process may run for
// months. A thread of its own, since it writes files. Owned by a role; destroyed before the stores.
class KeyRotation {
 public:
  explicit KeyRotation(std::vector<identity::KeyStore*> stores,
                       std::chrono::milliseconds every = std::chrono::hours(1));
  ~KeyRotation();

 private:
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace afluente::roles
