#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/mqtt/admission.h"
#include "source/mqtt/conversation.h"
#include "source/mqtt/routes.h"

namespace afluente::http {
class IoThreads;
}
namespace afluente::telemetry {
class Metrics;
}

namespace afluente::source::mqtt {

// The certificate of a door, as PEM files.
struct TlsFiles {
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  // empty: clients show no certificates
};

// An MQTT 3.1.1 and 5 server that takes messages and gives none: each is answered when it is stored
// in its topic. Owned by a role, on the process's I/O threads.
class Server {
 public:
  struct Parts {
    http::IoThreads& threads;
    broker::Publisher& publisher;
    SessionTable& sessions;
    const host::Clock& clock;
    telemetry::Metrics& metrics;
  };
  static std::unique_ptr<Server> Create(const Parts& parts, std::vector<Route> routes, Admit admit,
                                        const DoorLimits& limits);
  // Ends every connection, and waits until what it took is stored or refused.
  virtual ~Server() = default;

  // Listens on HOST:PORT (port 0: the kernel chooses), and returns the port.
  virtual absl::StatusOr<uint16_t> Listen(const std::string& address) = 0;
  // INVALID_ARGUMENT for files that are no certificate and key.
  virtual absl::StatusOr<uint16_t> ListenTls(const std::string& address, const TlsFiles& files) = 0;
  // Tells the clients that it ends, and gives them `grace` to go.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace afluente::source::mqtt
