#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "broker/wire/service.h"

namespace afluente::broker::wire {

// Decides whether the call may be served, at once or later.
using Admission = absl::AnyInvocable<void(absl::AnyInvocable<void(const absl::Status&)> admitted)>;

// Serves one StreamingPull call; the reactor frees itself when gRPC is done with it.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* OpenStreamingPull(Service& service,
                                                                               Admission admission);

}  // namespace afluente::broker::wire
