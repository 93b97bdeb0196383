#include "broker/wire/grpc_bytes.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "broker/wire/status_details.h"

namespace afluente::broker::wire {

absl::Status ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  grpc::ByteBuffer slices = bytes;  // shares the slices; the reader wants one it may change
  grpc::ProtoBufferReader reader(&slices);
  if (!reader.status().ok() || !message.ParseFromZeroCopyStream(&reader))
    return absl::InvalidArgumentError(absl::StrCat(
        "The request is not a valid ", message.GetDescriptor()->full_name(), " (or not UTF-8)."));
  return absl::OkStatus();
}

grpc::Status SerializeTo(const google::protobuf::Message& message, grpc::ByteBuffer& bytes) {
  bytes.Clear();
  bool own_buffer = false;
  return grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(message, &bytes,
                                                                                    &own_buffer);
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const google::rpc::Status details = DetailsOf(status);
  if (details.details().empty()) return grpc::Status(code, std::string(status.message()));
  return grpc::Status(code, std::string(status.message()), details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace afluente::broker::wire
