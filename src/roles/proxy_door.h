#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::host {
class Clock;
class FileSystem;
class WorkerPool;
}  // namespace afluente::host
namespace afluente::http {
class IoThreads;
}
namespace afluente::identity {
struct VerifiedToken;
using VerifiedTokenPtr = std::shared_ptr<const VerifiedToken>;
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
    std::string api;  // IP:PORT
    std::string data_dir;
  };
  struct Machine {
    host::FileSystem& files;
    const host::Clock& clock;
    http::IoThreads& io_threads;
    host::WorkerPool& workers;
  };
  static absl::StatusOr<std::unique_ptr<ProxyDoor>> Open(const spec::Spec& spec,
                                                         const Addresses& addresses,
                                                         Doorkeeper& doorkeeper,
                                                         const Machine& machine);
  ~ProxyDoor();
  // An ID token such as the proxy takes from programs. UNAUTHENTICATED with the reason, for the
  // log. Blocks while keys are fetched.
  absl::StatusOr<identity::VerifiedTokenPtr> VerifyIdToken(std::string_view token);
  uint16_t port() const;
  void Stop(std::chrono::milliseconds grace);

 private:
  struct State;
  explicit ProxyDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
