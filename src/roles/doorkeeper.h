#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/api.h"

namespace afluente::host {
class Clock;
class FileSystem;
}  // namespace afluente::host
namespace afluente::http {
class Gate;
}
namespace afluente::identity {
class KeyStore;
class OpenIdProvider;
class Policy;
class Verifier;
}  // namespace afluente::identity
namespace afluente::spec {
struct Spec;
}

namespace afluente::roles {

// What `access:` makes of the doors: keys, verification and policy, wired together. Owned by a role
// that holds the data directory's lock; outlives the doors.
class Doorkeeper {
 public:
  // Reads or makes the keys. INVALID_ARGUMENT when the specification has no `access:`. Blocks.
  static absl::StatusOr<std::unique_ptr<Doorkeeper>> Open(const spec::Spec& spec,
                                                          const std::string& data_dir,
                                                          host::FileSystem& files,
                                                          const host::Clock& clock);
  ~Doorkeeper();

  api::Guard guard();
  api::Identify identify();
  api::MayUse may_use();

  // The gate of a door besides the API ("pubsub"), or nullptr: on loopback nobody is asked. Not
  // thread-safe.
  http::Gate* GateOf(const std::string& door, const std::string& address);
  // The same for what the built-in proxy sends to a door on loopback; nullptr: there is no proxy.
  http::Gate* ProxiedGate(const std::string& door);

  const identity::Policy& policy() const;
  // Where people sign in; nullptr where the specification names no login.
  identity::OpenIdProvider* login();
  // Of assertions.
  identity::Verifier& verifier();
  // With the built-in proxy; nullptr where an outside proxy signs.
  identity::KeyStore* assertion_keys();

 private:
  struct State;
  http::Gate* MakeGate(const std::string& door);
  explicit Doorkeeper(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What the built-in proxy signs for the API of a project: Google's issuer, so that code written for
// Identity-Aware Proxy reads both, and an audience of App Engine's shape.
std::string BuiltInAudience(const std::string& project);
inline constexpr char kAssertionIssuer[] = "https://cloud.google.com/iap";

// As Doorkeeper::GateOf; nullptr too when identity is off.
http::Gate* GateOf(Doorkeeper* doorkeeper, const std::string& door, const std::string& address);

// INVALID_ARGUMENT when an address may not be listened on: without `access:` every door stays on
// loopback, and so they do with the developer issuer. A door that leaves it asks GateOf who comes.
absl::Status CheckAddress(const spec::Spec& spec, const std::string& flag,
                          const std::string& address);

}  // namespace afluente::roles
