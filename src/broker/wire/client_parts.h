#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "broker/wire/client.h"
#include "google/pubsub/v1/pubsub.pb.h"

// What the clients of google.pubsub.v1 have in common.
namespace afluente::broker::wire {

// Connects at the first call.
std::shared_ptr<grpc::Channel> ConnectPubsub(const std::string& address,
                                             const ClientOptions& options);
// Deadline and credentials of one call.
void PrepareCall(const ClientOptions& options, grpc::ClientContext& context);
// Moves the bytes out of `from`.
Received ToReceived(google::pubsub::v1::ReceivedMessage& from);

}  // namespace afluente::broker::wire
