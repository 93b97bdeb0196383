#pragma once

#include <vector>

#include "absl/status/status.h"
#include "broker/subscriptions.h"
#include "google/rpc/status.pb.h"

// What an error says beyond its code and message ("Error details" in Google's API design guide).
namespace afluente::broker::wire {

// The error of a request some of whose ack ids failed, as Pub/Sub words it: a google.rpc.ErrorInfo
// that maps them to their failures. `failures` is not empty.
absl::Status AckFailuresStatus(const std::vector<AckFailure>& failures);

// The status with its details, for gRPC's trailers and REST's JSON.
google::rpc::Status DetailsOf(const absl::Status& status);

}  // namespace afluente::broker::wire
