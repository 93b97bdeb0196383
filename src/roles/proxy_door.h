#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::host {
class Clock;
class FileSystem;
class WorkerPool;
}  // namespace afluente::host
namespace afluente::http {
class IoThreads;
class Server;
class TlsIdentity;
}  // namespace afluente::http
namespace afluente::identity {
class Verifier;
}  // namespace afluente::identity
namespace afluente::spec {
struct Spec;
}

namespace afluente::roles {

class Doorkeeper;

// The built-in identity-aware proxy on its door, with the developer issuer where the specification
// names no login. Owned by a role; stopped before the API and the pool that it uses.
class ProxyDoor {
 public:
  struct Addresses {
    std::string listen;
    std::string api;  // HOST:PORT
    std::string data_dir;
    std::string console = "";         // HOST:PORT of the admin door; empty: the proxy leads to none
    std::string api_tls_host = "";    // whom the API must prove to be; empty: without TLS
    std::string api_host_field = "";  // sent as Host; empty: the caller's
    // What assertions say; empty: Google's issuer and the project's audience.
    std::string issuer = "";
    std::string audience = "";
  };
  struct Machine {
    host::FileSystem& files;
    const host::Clock& clock;
    http::IoThreads& io_threads;
    host::WorkerPool& workers;
    std::shared_ptr<http::TlsIdentity> tls;  // shared by all doors; nullptr: plain
    // Reached within the process when they speak TLS: the API's and the console's.
    http::Server* api = nullptr;
    http::Server* console = nullptr;
  };
  static absl::StatusOr<std::unique_ptr<ProxyDoor>> Open(const spec::Spec& spec,
                                                         const Addresses& addresses,
                                                         Doorkeeper& doorkeeper,
                                                         const Machine& machine);
  ~ProxyDoor();
  // Of ID tokens such as the proxy takes from programs. Lives as long as the door.
  identity::Verifier& id_token_verifier();
  uint16_t port() const;
  void Stop(std::chrono::milliseconds grace);

 private:
  struct State;
  explicit ProxyDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
