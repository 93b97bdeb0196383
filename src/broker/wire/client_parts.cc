#include "broker/wire/client_parts.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "broker/wire/translate.h"

namespace afluente::broker::wire {
namespace {

// A whole publish, so that it can be sent again.
constexpr int kRetryBytesMax = 20 << 20;

}  // namespace

std::shared_ptr<grpc::Channel> ConnectPubsub(const std::string& address,
                                             const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The door is plain HTTP/2; a proxy of the environment is not meant for it.
  if (!options.google) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A refusal for want of room stored nothing, so sending it again cannot double a message.
  arguments.SetServiceConfigJSON(R"({"methodConfig": [{
      "name": [{"service": "google.pubsub.v1.Publisher", "method": "Publish"}],
      "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.05s", "maxBackoff": "2s",
                      "backoffMultiplier": 3, "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]}}]})");
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, kRetryBytesMax);
  const auto credentials = options.google ? grpc::GoogleDefaultCredentials()
                           : options.tls  ? grpc::SslCredentials(grpc::SslCredentialsOptions())
                                          : grpc::InsecureChannelCredentials();
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

void PrepareCall(const ClientOptions& options, grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + options.timeout);
  if (!options.token.empty()) context.AddMetadata("authorization", "Bearer " + options.token);
}

Received ToReceived(google::pubsub::v1::ReceivedMessage& from) {
  event::Draft draft = ToDraft(*from.mutable_message());
  Received received;
  received.delivery_attempt = from.delivery_attempt();
  received.ack_id = std::move(*from.mutable_ack_id());
  received.message.data = std::move(draft.data);
  received.message.attributes = std::move(draft.attributes);
  received.message.ordering_key = std::move(draft.ordering_key);
  received.message.message_id = from.message().message_id();
  const auto& time = from.message().publish_time();
  received.message.publish_time = host::WallTime(
      std::chrono::seconds(time.seconds()) +
      std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds(time.nanos())));
  return received;
}

}  // namespace afluente::broker::wire
