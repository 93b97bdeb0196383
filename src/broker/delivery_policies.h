#pragma once

#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "broker/resources.h"

namespace afluente::broker {

// INVALID_ARGUMENT naming what Pub/Sub refuses of dead letters ("DeadLetterPolicy": 5 to 100
// attempts), retries ("RetryPolicy": 0 s to 600 s) and exactly-once delivery (pull only). Attempts
// of 0 become the default.
absl::Status CheckDeliveryPolicies(SubscriptionSettings& settings);

// How long a message waits after its `failures`th failed delivery (from 1): the minimum, doubled by
// each further one up to the maximum; no jitter.
std::chrono::milliseconds Backoff(const RetryPolicy& policy, uint32_t failures);

}  // namespace afluente::broker
