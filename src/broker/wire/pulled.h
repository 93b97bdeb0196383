#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/resources.h"

namespace afluente::broker::wire {

// FAILED_PRECONDITION, in Pub/Sub's words, for a subscription whose messages go elsewhere than to
// who pulls; another error as it is.
inline absl::Status CheckPulled(const absl::StatusOr<SubscriptionSettings>& settings) {
  if (!settings.ok()) return settings.status();
  if (!settings->push && !settings->bigquery) return absl::OkStatus();
  return absl::FailedPreconditionError("This method is not supported for this subscription type.");
}

}  // namespace afluente::broker::wire
