#include "broker/wire/pubsub_door.h"

#include <fcntl.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "broker/wire/call_count.h"
#include "broker/wire/grpc_connections.h"
#include "broker/wire/grpc_service.h"
#include "broker/wire/method_table.h"
#include "broker/wire/open_calls.h"
#include "broker/wire/service.h"
#include "broker/wire/traffic.h"
#include "broker/wire/transcoder.h"
#include "google/protobuf/stubs/logging.h"
#include "host/check.h"
#include "http/loopback_guard.h"
#include "telemetry/log.h"
#include "telemetry/metric_names.h"

namespace afluente::broker::wire {
namespace {

// The start of HTTP/2's connection preface (RFC 9113, 3.4).
constexpr std::string_view kHttp2Start = "PRI ";

// What a client may send ahead on one stream.
constexpr int kWindowBytes = 4 << 20;

void PrepareForGrpc(int fd) {
  const int on = 1;
  // Without it each call waits for the peer's delayed ack.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Whatever bytes a peer sends, gRPC and protobuf would write lines about them to stderr, raw.
void LogQuietly() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    telemetry::Log(telemetry::Severity::kDebug, "grpc", {{"detail", line->message}});
  });
  google::protobuf::SetLogHandler(nullptr);
}

class OnePortDoor final : public PubsubDoor {
 public:
  OnePortDoor(const DoorParts& parts, const DoorOptions& options)
      : parts_(parts),
        options_(options),
        open_calls_(std::make_shared<OpenCalls>(options.open_pulls_max)),
        traffic_(parts.metrics),
        service_(parts.ports, parts.workers, *open_calls_, calls_, traffic_),
        methods_(service_, parts.metrics, parts.clock, options.gate),
        transcoder_(methods_, parts.workers) {}

  ~OnePortDoor() override { Stop(std::chrono::milliseconds(0)); }

  absl::Status Start();
  absl::StatusOr<uint16_t> Listen(const std::string& address) override;
  void Stop(std::chrono::milliseconds grace) override;

 private:
  struct Servers {
    explicit Servers(size_t connections_max) : connections(connections_max) {}
    std::unique_ptr<grpc::Server> grpc;
    std::unique_ptr<http::Server> http;
    GrpcConnections connections;
  };

  const DoorParts parts_;
  const DoorOptions options_;
  std::shared_ptr<OpenCalls> open_calls_;  // shared with the gauge that counts them
  CallCount calls_;                        // REST's, and streams that the broker still holds
  Traffic traffic_;
  Service service_;
  MethodTable methods_;
  Transcoder transcoder_;
  std::vector<std::unique_ptr<GrpcService>> services_;
  std::shared_ptr<Servers> servers_;  // shared with a connection that is just being accepted
  std::unique_ptr<http::Acceptor> acceptor_;
};

absl::Status OnePortDoor::Start() {
  parts_.metrics.AddGauge(telemetry::kPubsubOpenPulls,
                          "StreamingPull calls, and Pull calls that wait.", {},
                          [calls = open_calls_] { return static_cast<double>(calls->size()); });
  LogQuietly();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(options_.message_bytes_max);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.connection_streams_max);
  // Without it gRPC sends a ping for nearly every request, to size its windows: a third of all
  // system calls. The windows are made large instead.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  // Clients of Google's APIs ping idle connections; gRPC's default calls that abuse.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // A peer that vanished without a word must not hold its streams open for ever.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  for (const auto* descriptor : methods_.services()) {
    services_.push_back(std::make_unique<GrpcService>(*descriptor, methods_, service_));
    builder.RegisterService(services_.back().get());
  }
  servers_ = std::make_shared<Servers>(options_.grpc_connections_max);
  servers_->grpc = builder.BuildAndStart();
  if (servers_->grpc == nullptr) return absl::InternalError("gRPC's server did not start.");
  for (const auto* descriptor : methods_.services())
    servers_->grpc->GetHealthCheckService()->SetServingStatus(descriptor->full_name(), true);
  http::ServerOptions http_options;
  http_options.body_bytes_max = options_.message_bytes_max;
  http_options.refusal = GoogleRefusal;
  http::Handler handler = [this](http::Request request, http::Responder responder) {
    calls_.Enter();
    transcoder_.Handle(std::move(request),
                       [this, responder = std::move(responder)](http::Response response) mutable {
                         responder(std::move(response));
                         calls_.Leave();
                       });
  };
  // A browser can be made to send HTTP here by any page, but neither gRPC nor a token.
  if (options_.gate == nullptr) {
    handler = http::GuardLoopback(std::move(handler), /*extra_hosts=*/{},
                                  /*exempt_path=*/"/health", /*extra_origins=*/{}, GoogleRefusal);
  }
  servers_->http =
      http::Server::Create(parts_.io_threads, std::move(http_options), std::move(handler));
  return absl::OkStatus();
}

absl::StatusOr<uint16_t> OnePortDoor::Listen(const std::string& address) {
  AFLUENTE_CHECK(acceptor_ == nullptr);
  auto hand_over = [servers = servers_](int fd, const std::string& first_bytes, http::Peer peer) {
    if (first_bytes != kHttp2Start) return servers->http->Adopt(fd, std::move(peer));
    if (!servers->connections.Admit(fd)) return;
    PrepareForGrpc(fd);
    grpc::AddInsecureChannelFromFd(servers->grpc.get(), fd);
  };
  AFLUENTE_ASSIGN_OR_RETURN(acceptor_, http::Acceptor::Listen(parts_.io_threads, address,
                                                              std::move(hand_over), options_.tls));
  return acceptor_->port();
}

void OnePortDoor::Stop(std::chrono::milliseconds grace) {
  if (servers_ == nullptr) return;
  if (acceptor_ != nullptr) acceptor_->Stop();
  const auto deadline = std::chrono::system_clock::now() + grace;
  servers_->grpc->GetHealthCheckService()->SetServingStatus(false);
  open_calls_->StopAll();
  servers_->http->Stop(grace);
  servers_->grpc->Shutdown(deadline);
  servers_->grpc->Wait();
  calls_.AwaitNone();
  servers_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PubsubDoor>> PubsubDoor::Create(const DoorParts& parts,
                                                               const DoorOptions& options) {
  auto door = std::make_unique<OnePortDoor>(parts, options);
  AFLUENTE_RETURN_IF_ERROR(door->Start());
  return door;
}

}  // namespace afluente::broker::wire
