#include "roles/proxy_door.h"

#include <atomic>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/forwarding_server.h"
#include "http/problem.h"
#include "identity/assertion_signer.h"
#include "identity/developer_issuer.h"
#include "identity/key_store.h"
#include "identity/openid_provider.h"
#include "identity/proxy.h"
#include "roles/doorkeeper.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

absl::StatusOr<std::string> ReadSecret(const std::string& file) {
  if (file.empty()) return "";
  std::ifstream in(file);
  std::string secret;
  std::getline(in, secret);
  if (!in && secret.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": no client secret on its first line"));
  }
  return std::string(absl::StripAsciiWhitespace(secret));
}

}  // namespace

// Members are destroyed from the last up.
struct ProxyDoor::State {
  std::unique_ptr<identity::KeyStore> id_token_keys;  // of the developer issuer
  std::unique_ptr<identity::DeveloperIssuer> developer_issuer;
  std::unique_ptr<identity::OpenIdProvider> provider;
  std::unique_ptr<identity::AssertionSigner> assertions;
  std::unique_ptr<identity::Proxy> proxy;
  http::Decide decide;
  std::atomic<bool> ready{false};  // decide is there: the port must be known before
  std::unique_ptr<http::ForwardingServer> server;
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
  state->server = http::ForwardingServer::Create(
      machine.io_threads, options,
      [raw = state.get()](http::Request request, absl::AnyInvocable<void(http::Verdict)> done) {
        if (raw->ready) return raw->decide(std::move(request), std::move(done));
        done(http::Problem(503, "Service Unavailable", "starting"));
      });
  AFLUENTE_ASSIGN_OR_RETURN(state->port, state->server->Listen(addresses.listen));
  identity::ProviderOptions provider;
  if (access.login) {
    AFLUENTE_ASSIGN_OR_RETURN(provider.client_secret, ReadSecret(access.login->client_secret_file));
    provider.issuer = access.login->issuer;
    provider.client_id = access.login->client_id;
    provider.groups_claim = access.login->groups_claim;
  } else {
    AFLUENTE_ASSIGN_OR_RETURN(
        state->id_token_keys,
        identity::KeyStore::Open(machine.files, machine.clock,
                                 addresses.data_dir + "/identity/id-token-keys.json",
                                 {.algorithm = identity::Algorithm::kRs256}));
    provider.issuer = absl::StrCat("http://127.0.0.1:", state->port, identity::kIssuerPath);
    provider.client_id = identity::kDeveloperClient;
    state->developer_issuer = std::make_unique<identity::DeveloperIssuer>(
        provider.issuer, access, *state->id_token_keys, machine.clock);
  }
  state->provider = std::make_unique<identity::OpenIdProvider>(provider, machine.clock);
  state->assertions = std::make_unique<identity::AssertionSigner>(
      *doorkeeper.assertion_keys(), machine.clock, kAssertionIssuer, BuiltInAudience(spec.project));
  state->proxy = identity::Proxy::Create(
      {addresses.api, access.hosts},
      {doorkeeper.policy(), *state->assertions, *doorkeeper.assertion_keys(), *state->provider,
       state->developer_issuer.get(), machine.workers, machine.clock});
  state->decide = state->proxy->decide();
  state->ready = true;
  return std::unique_ptr<ProxyDoor>(new ProxyDoor(std::move(state)));
}

ProxyDoor::ProxyDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProxyDoor::~ProxyDoor() = default;
absl::StatusOr<identity::VerifiedTokenPtr> ProxyDoor::VerifyIdToken(std::string_view token) {
  AFLUENTE_RETURN_IF_ERROR(state_->provider->Discover());
  return state_->provider->verifier().Verify(token);
}

uint16_t ProxyDoor::port() const { return state_->port; }
void ProxyDoor::Stop(std::chrono::milliseconds grace) { state_->server->Stop(grace); }

}  // namespace afluente::roles
