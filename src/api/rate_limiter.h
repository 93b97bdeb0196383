#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"

namespace afluente::api {

// A token bucket a caller: `requests` at once, refilled evenly over `period`. Keeps a bounded
// number of buckets; the one used longest ago goes, and a caller whose bucket went starts full.
// Thread-safe.
class RateLimiter {
 public:
  struct Verdict {
    bool allowed = false;
    int64_t limit = 0;
    int64_t remaining = 0;
    std::chrono::seconds reset{0};        // until the bucket is full
    std::chrono::seconds retry_after{0};  // until a request is allowed; 0 when it is
  };

  RateLimiter(int64_t requests, std::chrono::milliseconds period, const host::Clock& clock,
              size_t callers_max = 100'000);

  // Takes a token where there is one.
  Verdict Take(std::string_view caller);

 private:
  struct Bucket {
    double tokens = 0;
    host::MonotonicTime at;
    std::list<std::string>::iterator place;
  };

  const int64_t requests_;
  const double per_second_;
  const host::Clock& clock_;
  const size_t callers_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> by_use_ ABSL_GUARDED_BY(mutex_);  // the latest first
};

}  // namespace afluente::api
