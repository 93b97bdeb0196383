#pragma once

#include <grpcpp/impl/service_type.h>

#include <deque>
#include <string>

#include "broker/wire/method_table.h"
#include "broker/wire/service.h"

namespace afluente::broker::wire {

// One service of the method table on gRPC's callback server, every method of its descriptor
// included. Requests arrive as bytes, so that malformed ones get an answer that says so. Owned by
// the door, outlives the gRPC server.
class GrpcService : public grpc::Service {
 public:
  GrpcService(const google::protobuf::ServiceDescriptor& descriptor, const MethodTable& methods,
              wire::Service& service);

 private:
  std::deque<std::string> paths_;  // gRPC keeps pointers to them
};

}  // namespace afluente::broker::wire
