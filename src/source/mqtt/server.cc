#include "source/mqtt/server.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/listener.h"
#include "source/mqtt/connection.h"
#include "telemetry/metric_names.h"

namespace afluente::source::mqtt {
namespace {

namespace ssl = boost::asio::ssl;

// Connections beyond the limit that still get to hear that it is reached.
constexpr size_t kRefusedMax = 256;

absl::StatusOr<std::shared_ptr<ssl::context>> MakeContext(const TlsFiles& files) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code error;
  const auto wrong = [&](const std::string& file) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", error.message()));
  };
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                           ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                           ssl::context::no_tlsv1_1,
                       error);
  context->use_certificate_chain_file(files.certificate_file, error);
  if (error) return wrong(files.certificate_file);
  context->use_private_key_file(files.key_file, ssl::context::pem, error);
  if (error) return wrong(files.key_file);
  if (files.client_ca_file.empty()) return context;
  context->load_verify_file(files.client_ca_file, error);
  if (error) return wrong(files.client_ca_file);
  // One that is shown must be good; whether one is needed is the device's entry to say.
  context->set_verify_mode(ssl::verify_peer, error);
  // Sessions of an earlier certificate must not be resumed under another.
  const unsigned char id[] = "afluente-mqtt";
  SSL_CTX_set_session_id_context(context->native_handle(), id, sizeof id - 1);
  return context;
}

class AsioServer final : public Server {
 public:
  AsioServer(const Parts& parts, std::vector<Route> routes, Admit admit, const DoorLimits& limits)
      : context_(parts.threads.context()),
        door_(std::make_shared<Door>(parts.publisher, parts.sessions, parts.clock, parts.metrics,
                                     std::move(routes), std::move(admit), limits)) {
    parts.metrics.AddGauge(
        telemetry::kMqttConnections, "Open connections of the MQTT door.", {},
        [door = door_] { return static_cast<double>(door->traffic.connections); });
  }
  ~AsioServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::StatusOr<uint16_t> Listen(const std::string& address) override {
    return ListenWith(address, nullptr);
  }
  absl::StatusOr<uint16_t> ListenTls(const std::string& address, const TlsFiles& files) override {
    AFLUENTE_ASSIGN_OR_RETURN(auto context, MakeContext(files));
    return ListenWith(address, std::move(context));
  }

  void Stop(std::chrono::milliseconds grace) override {
    for (auto& listener : listeners_) listener->Close();
    listeners_.clear();
    if (!door_->open) return;
    OnEach([](Connection& connection) { connection.Shut(); });
    {
      absl::MutexLock lock(&door_->mutex);
      const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(door_->mutex) {
        return door_->connections.empty();
      };
      door_->mutex.AwaitWithTimeout(absl::Condition(&none), absl::FromChrono(grace));
    }
    OnEach([](Connection& connection) { connection.Abort(); });
    door_->open = false;
    // After that no task of a connection is running, nor does one begin.
    for (auto& loop : context_.loops) http::RunOn(loop->io, [] {});
    door_->traffic.WaitForNone();
  }

 private:
  absl::StatusOr<uint16_t> ListenWith(const std::string& address,
                                      std::shared_ptr<ssl::context> tls) {
    auto listener =
        http::Listener::Open(context_, address, {},
                             [this, tls = std::move(tls)](int fd, const http::Peer&,
                                                          const std::string&) { Take(fd, tls); });
    if (!listener.ok()) return listener.status();
    const uint16_t port = (*listener)->port();
    listeners_.push_back(*std::move(listener));
    return port;
  }

  void Take(int fd, const std::shared_ptr<ssl::context>& tls) {
    auto& count = door_->traffic.connections;
    if (count.fetch_add(1) >= door_->limits.connections_max + kRefusedMax) {
      count.fetch_sub(1);
      close(fd);
      return;
    }
    auto& io = context_.loops[context_.NextLoop()]->io;
    const auto connection = std::make_shared<Connection>(door_, io, fd, tls);
    {
      absl::MutexLock lock(&door_->mutex);
      door_->connections.insert(connection);
    }
    boost::asio::post(io, [connection] { connection->Start(); });
  }

  void OnEach(void (*act)(Connection&)) {
    std::vector<std::shared_ptr<Connection>> connections;
    {
      absl::MutexLock lock(&door_->mutex);
      connections.assign(door_->connections.begin(), door_->connections.end());
    }
    for (const auto& connection : connections) {
      http::RunOn(connection->io(), [&connection, act] { act(*connection); });
    }
  }

  http::IoThreads::Context& context_;
  const std::shared_ptr<Door> door_;  // shared: tasks of connections that ended
  std::vector<std::shared_ptr<http::Listener>> listeners_;
};

}  // namespace

std::unique_ptr<Server> Server::Create(const Parts& parts, std::vector<Route> routes, Admit admit,
                                       const DoorLimits& limits) {
  return std::make_unique<AsioServer>(parts, std::move(routes), std::move(admit), limits);
}

}  // namespace afluente::source::mqtt
