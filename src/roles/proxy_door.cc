#include "roles/proxy_door.h"

#include <sys/socket.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/forwarding_server.h"
#include "http/problem.h"
#include "http/server.h"
#include "identity/assertion_signer.h"
#include "identity/developer_issuer.h"
#include "identity/key_store.h"
#include "identity/openid_provider.h"
#include "identity/proxy.h"
#include "roles/doorkeeper.h"
#include "roles/key_rotation.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

// A connection to a door that leaves the process as little as its plain bytes do.
int DialWithin(http::Server& door, const http::Peer& client) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return -1;
  door.Adopt(pair[1], {.address = client.address});
  return pair[0];
}

}  // namespace

// Members are destroyed from the last up.
struct ProxyDoor::State {
  std::unique_ptr<identity::KeyStore> id_token_keys;  // of the developer issuer
  std::unique_ptr<identity::DeveloperIssuer> developer_issuer;
  std::unique_ptr<identity::OpenIdProvider> provider;  // where people sign in there
  identity::OpenIdProvider* login = nullptr;           // that one, or the specification's
  std::unique_ptr<identity::AssertionSigner> assertions;
  std::unique_ptr<identity::Proxy> proxy;
  http::Decide decide;
  std::atomic<bool> ready{false};  // decide is there: the port must be known before
  std::unique_ptr<http::ForwardingServer> server;
  std::unique_ptr<KeyRotation> rotation;
  uint16_t port = 0;
};

absl::StatusOr<std::unique_ptr<ProxyDoor>> ProxyDoor::Open(const spec::Spec& spec,
                                                           const Addresses& addresses,
                                                           Doorkeeper& doorkeeper,
                                                           const Machine& machine) {
  const spec::Access& access = *spec.access;
  auto state = std::make_unique<State>();
  http::ForwardingOptions options;
  options.body_bytes_max = spec.limits.request_bytes;
  options.tls = machine.tls;
  if (machine.tls != nullptr && machine.api != nullptr) {
    options.dial = [machine, console = addresses.console](const std::string& address,
                                                          const http::Peer& client) {
      const bool is_console = machine.console != nullptr && address == console;
      return DialWithin(is_console ? *machine.console : *machine.api, client);
    };
  }
  state->server = http::ForwardingServer::Create(
      machine.io_threads, options,
      [raw = state.get()](http::Request request, absl::AnyInvocable<void(http::Verdict)> done) {
        if (raw->ready) return raw->decide(std::move(request), std::move(done));
        done(http::Problem(503, "Service Unavailable", "starting"));
      });
  AFLUENTE_ASSIGN_OR_RETURN(state->port, state->server->Listen(addresses.listen));
  identity::OpenIdProvider* login = doorkeeper.login();
  if (login == nullptr) {
    identity::ProviderOptions provider;
    AFLUENTE_ASSIGN_OR_RETURN(
        state->id_token_keys,
        identity::KeyStore::Open(machine.files, machine.clock,
                                 addresses.data_dir + "/identity/id-token-keys.json",
                                 {.algorithm = identity::Algorithm::kRs256}));
    provider.issuer = absl::StrCat(machine.tls == nullptr ? "http" : "https",
                                   "://127.0.0.1:", state->port, identity::kIssuerPath);
    provider.client_id = identity::kDeveloperClient;
    state->developer_issuer = std::make_unique<identity::DeveloperIssuer>(
        provider.issuer, access, *state->id_token_keys, machine.clock);
    provider.fetch = [issuer = state->developer_issuer.get()](http::Request request) {
      return issuer->Handle(request);
    };
    state->provider = std::make_unique<identity::OpenIdProvider>(provider, machine.clock);
    login = state->provider.get();
  }
  state->login = login;
  state->assertions = std::make_unique<identity::AssertionSigner>(
      *doorkeeper.assertion_keys(), machine.clock,
      addresses.issuer.empty() ? kAssertionIssuer : addresses.issuer,
      addresses.audience.empty() ? BuiltInAudience(spec.project) : addresses.audience);
  state->proxy = identity::Proxy::Create(
      {addresses.api, access.hosts, addresses.api_tls_host, addresses.api_host_field,
       addresses.console},
      {doorkeeper.policy(), *state->assertions, *doorkeeper.assertion_keys(), *login,
       state->developer_issuer.get(), machine.workers, machine.clock});
  state->decide = state->proxy->decide();
  std::vector<identity::KeyStore*> stores = {doorkeeper.assertion_keys()};
  if (state->id_token_keys != nullptr) stores.push_back(state->id_token_keys.get());
  state->rotation = std::make_unique<KeyRotation>(std::move(stores));
  state->ready = true;
  return std::unique_ptr<ProxyDoor>(new ProxyDoor(std::move(state)));
}

ProxyDoor::ProxyDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProxyDoor::~ProxyDoor() = default;
identity::Verifier& ProxyDoor::id_token_verifier() { return state_->login->verifier(); }
uint16_t ProxyDoor::port() const { return state_->port; }
void ProxyDoor::Stop(std::chrono::milliseconds grace) { state_->server->Stop(grace); }

}  // namespace afluente::roles
