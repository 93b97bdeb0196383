#pragma once

#include <atomic>
#include <vector>

#include "function/transform.h"
#include "function/waiting_set.h"

namespace afluente::function {

// Runs attempts to their end on the caller's thread, which waits for those that are not immediate
// and between attempts; in their order. An attempt that fails is made again as `retry` says; so
// nothing is left to be retried. When `stopped` becomes true the rest is missing.
std::vector<Decision> DecideAll(Transform& transform, std::vector<Attempt> attempts,
                                const RetryPolicy& retry, const std::atomic<bool>& stopped);

}  // namespace afluente::function
