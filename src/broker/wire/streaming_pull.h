#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "broker/wire/service.h"

namespace afluente::broker::wire {

// Serves one StreamingPull call; the reactor frees itself when gRPC is done with it.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* OpenStreamingPull(Service& service);

}  // namespace afluente::broker::wire
