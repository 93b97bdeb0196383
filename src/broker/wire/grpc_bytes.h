#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

// Between gRPC's types and ours.
namespace afluente::broker::wire {

// INVALID_ARGUMENT when `bytes` are not such a message.
absl::Status ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);
grpc::Status SerializeTo(const google::protobuf::Message& message, grpc::ByteBuffer& bytes);

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace afluente::broker::wire
