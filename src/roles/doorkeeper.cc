#include "roles/doorkeeper.h"

#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/worker_pool.h"
#include "identity/assertion_gate.h"
#include "identity/door_gate.h"
#include "identity/key_source.h"
#include "identity/key_store.h"
#include "identity/openid_provider.h"
#include "identity/policy.h"
#include "identity/verifier.h"
#include "roles/source_addresses.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

// Few: they only wait for an issuer's keys.
constexpr int kVerifyingThreads = 2;
constexpr size_t kVerifyingMax = 256;
// An assertion lives ten minutes; its key is kept for a little more.
constexpr std::chrono::seconds kAssertionKeyKept{660};

bool IsLoopback(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  return host == "127.0.0.1" || host == "localhost" || host == "[::1]";
}

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
struct Doorkeeper::State {
  explicit State(const spec::Access& access) : policy(access) {}

  const identity::Policy policy;
  std::unique_ptr<identity::KeyStore> assertion_keys;
  std::unique_ptr<identity::KeySource> verifying_keys;
  std::unique_ptr<identity::Verifier> verifier;
  std::unique_ptr<identity::OpenIdProvider> login;
  std::unique_ptr<host::WorkerPool> workers;
  std::unique_ptr<identity::AssertionGate> gate;
  std::vector<std::unique_ptr<identity::DoorGate>> door_gates;
};

std::string BuiltInAudience(const std::string& project) {
  return absl::StrCat("/projects/0/apps/", project);
}

absl::StatusOr<std::unique_ptr<Doorkeeper>> Doorkeeper::Open(const spec::Spec& spec,
                                                             const std::string& data_dir,
                                                             host::FileSystem& files,
                                                             const host::Clock& clock) {
  if (!spec.access) return absl::InvalidArgumentError("the specification has no access:");
  auto state = std::make_unique<State>(*spec.access);
  identity::KeyLoader loader;
  identity::TokenRules rules =
      identity::AssertionRules(kAssertionIssuer, BuiltInAudience(spec.project));
  if (const auto& outside = spec.access->assertion) {
    AFLUENTE_ASSIGN_OR_RETURN(loader, identity::LoadFromUrl(outside->jwks_uri));
    rules = identity::AssertionRules(outside->issuer, outside->audience);
  } else {
    AFLUENTE_ASSIGN_OR_RETURN(
        state->assertion_keys,
        identity::KeyStore::Open(files, clock, data_dir + "/identity/assertion-keys.json",
                                 {.keep_after = kAssertionKeyKept}));
    loader = identity::LoadFrom(*state->assertion_keys);
    rules.groups_claim = "groups";  // of the login's claim, which the built-in proxy hands on
  }
  state->verifying_keys = std::make_unique<identity::CachedKeySource>(std::move(loader), clock);
  state->verifier = identity::MakeVerifier(std::move(rules), *state->verifying_keys, clock);
  if (const auto& login = spec.access->login) {
    identity::ProviderOptions provider;
    AFLUENTE_ASSIGN_OR_RETURN(provider.client_secret, ReadSecret(login->client_secret_file));
    provider.issuer = login->issuer;
    provider.client_id = login->client_id;
    provider.groups_claim = login->groups_claim;
    state->login = std::make_unique<identity::OpenIdProvider>(std::move(provider), clock);
  }
  state->workers = std::make_unique<host::WorkerPool>(kVerifyingThreads, kVerifyingMax);
  state->gate =
      std::make_unique<identity::AssertionGate>(*state->verifier, state->policy, *state->workers);
  return std::unique_ptr<Doorkeeper>(new Doorkeeper(std::move(state)));
}

Doorkeeper::Doorkeeper(std::unique_ptr<State> state) : state_(std::move(state)) {}
Doorkeeper::~Doorkeeper() = default;

api::Guard Doorkeeper::guard() {
  return [gate = state_->gate.get()](http::Handler inner) { return gate->Guard(std::move(inner)); };
}

api::Identify Doorkeeper::identify() {
  return [gate = state_->gate.get()](const http::Request& request,
                                     const std::string& path) -> absl::StatusOr<api::Caller> {
    AFLUENTE_ASSIGN_OR_RETURN(identity::Caller caller, gate->Admit(request, path));
    return api::Caller{std::move(caller.email), std::move(caller.groups), {}, caller.expires};
  };
}

api::MayUse Doorkeeper::may_use() {
  return [gate = state_->gate.get()](const http::Request& request, const std::string& path) {
    return gate->MayUse(request, path);
  };
}

http::Gate* Doorkeeper::GateOf(const std::string& door, const std::string& address) {
  return IsLoopback(address) ? nullptr : MakeGate(door);
}

http::Gate* Doorkeeper::ProxiedGate(const std::string& door) {
  return state_->assertion_keys == nullptr ? nullptr : MakeGate(door);
}

http::Gate* Doorkeeper::MakeGate(const std::string& door) {
  std::vector<identity::Verifier*> verifiers = {state_->verifier.get()};
  if (state_->login != nullptr) verifiers.push_back(&state_->login->verifier());
  state_->door_gates.push_back(std::make_unique<identity::DoorGate>(
      door, std::move(verifiers), state_->policy, *state_->workers));
  return state_->door_gates.back().get();
}

http::Gate* GateOf(Doorkeeper* doorkeeper, const std::string& door, const std::string& address) {
  return doorkeeper == nullptr ? nullptr : doorkeeper->GateOf(door, address);
}

identity::OpenIdProvider* Doorkeeper::login() { return state_->login.get(); }
identity::Verifier& Doorkeeper::verifier() { return *state_->verifier; }
const identity::Policy& Doorkeeper::policy() const { return state_->policy; }
identity::KeyStore* Doorkeeper::assertion_keys() { return state_->assertion_keys.get(); }

absl::Status CheckAddress(const spec::Spec& spec, const std::string& flag,
                          const std::string& address) {
  if (IsLoopback(address)) return absl::OkStatus();
  if (const auto own = CheckSourceAddress(spec, flag, address)) return *own;
  if (!spec.access) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag, " ", address,
        ": without identity every door stays on loopback (127.0.0.1, localhost, [::1])"));
  }
  if (!spec.access->assertion && !spec.access->login) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " ", address,
                     ": the developer issuer believes whoever asks, so that every door stays on "
                     "loopback; name access.login or access.assertion"));
  }
  return absl::OkStatus();
}

}  // namespace afluente::roles
