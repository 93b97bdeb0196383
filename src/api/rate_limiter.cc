#include "api/rate_limiter.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/string_view.h"

namespace afluente::api {
namespace {

std::chrono::seconds WholeSeconds(double seconds) {
  return std::chrono::seconds(static_cast<int64_t>(std::ceil(std::max(seconds, 0.0))));
}

}  // namespace

RateLimiter::RateLimiter(int64_t requests, std::chrono::milliseconds period,
                         const host::Clock& clock, size_t callers_max)
    : requests_(requests),
      per_second_(static_cast<double>(requests) / std::chrono::duration<double>(period).count()),
      clock_(clock),
      callers_max_(callers_max) {}

RateLimiter::Verdict RateLimiter::Take(std::string_view caller) {
  const auto now = clock_.Monotonic();
  const auto full = static_cast<double>(requests_);
  absl::MutexLock lock(&mutex_);
  auto found = buckets_.find(absl::string_view(caller.data(), caller.size()));
  if (found == buckets_.end()) {
    if (buckets_.size() >= callers_max_) {
      buckets_.erase(by_use_.back());
      by_use_.pop_back();
    }
    by_use_.emplace_front(caller);
    found = buckets_.emplace(by_use_.front(), Bucket{full, now, by_use_.begin()}).first;
  }
  Bucket& bucket = found->second;
  by_use_.splice(by_use_.begin(), by_use_, bucket.place);
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(full, bucket.tokens + passed * per_second_);
  bucket.at = now;
  Verdict verdict;
  verdict.limit = requests_;
  verdict.allowed = bucket.tokens >= 1;
  if (verdict.allowed) {
    bucket.tokens -= 1;
  } else {
    verdict.retry_after =
        std::max(std::chrono::seconds(1), WholeSeconds((1 - bucket.tokens) / per_second_));
  }
  verdict.remaining = static_cast<int64_t>(bucket.tokens);
  verdict.reset = WholeSeconds((full - bucket.tokens) / per_second_);
  return verdict;
}

}  // namespace afluente::api
