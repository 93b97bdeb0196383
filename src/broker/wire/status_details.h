#pragma once

#include "absl/status/status.h"
#include "broker/subscriptions.h"
#include "google/rpc/status.pb.h"

// What an error says beyond its code and message ("Error details" in Google's API design guide).
namespace afluente::broker::wire {

// The error of a request some of whose ack ids failed, in Pub/Sub's form: a google.rpc.ErrorInfo
// that maps them to their failures. Client libraries take what the error does not name for failed
// too; so ack ids that succeeded are named as to be sent again, which succeeds again, when the
// request `may_repeat` (a nack may not).
absl::Status AckFailuresStatus(AckAnswer answer, bool may_repeat);

// The status with its details, for gRPC's trailers and REST's JSON.
google::rpc::Status DetailsOf(const absl::Status& status);

}  // namespace afluente::broker::wire
