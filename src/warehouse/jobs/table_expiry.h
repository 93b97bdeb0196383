#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "warehouse/catalog.h"

namespace afluente::warehouse::jobs {

// Drops tables when their expiration time has come, within a minute of it. Owned by the door; one
// thread of its own.
class TableExpiry {
 public:
  TableExpiry(Catalog& catalog, const host::Clock& clock);
  ~TableExpiry();

  // Drops what has expired now; what a round of the thread does.
  void DropExpired();

 private:
  void Loop();

  Catalog& catalog_;
  const host::Clock& clock_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace afluente::warehouse::jobs
