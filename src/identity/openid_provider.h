#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "http/message.h"
#include "identity/key_source.h"
#include "identity/verifier.h"

namespace afluente::identity {

struct ProviderOptions {
  std::string issuer;
  std::string client_id;
  std::string client_secret;  // empty: a public client
  std::string groups_claim;
  // Who answers instead of the network: the developer issuer, which is in this process.
  std::function<http::Response(http::Request)> fetch = nullptr;
};

// The OpenID provider that the proxy sends people to, known by discovery (OpenID Connect Discovery
// 1.0, 4). Thread-safe. What it names must be https, or http on loopback when the issuer is: its
// document cannot send this process elsewhere.
class OpenIdProvider {
 public:
  OpenIdProvider(ProviderOptions options, const host::Clock& clock);

  // Reads the discovery document once; again after a failure. Blocks.
  absl::Status Discover();

  // Where a browser goes to sign in. After Discover.
  std::string AuthorizationUrl(const std::string& redirect, const std::string& state,
                               const std::string& nonce, const std::string& challenge) const;
  // Where it goes to sign out there; "" when the provider has no such place.
  std::string EndSessionUrl(const std::string& back) const;

  // Redeems a code for its verified ID token. UNAUTHENTICATED when the provider refuses the code or
  // its token is not what it must be. Blocks.
  absl::StatusOr<VerifiedTokenPtr> Redeem(const std::string& code, const std::string& redirect,
                                          const std::string& code_verifier,
                                          const std::string& nonce);

  // Of programs' ID tokens: for this client, by this issuer.
  Verifier& verifier() { return *verifier_; }

 private:
  struct Endpoints {
    std::string authorization;
    std::string token;
    std::string end_session;
    std::string keys;
  };
  absl::StatusOr<Endpoints> Known() const;
  absl::StatusOr<LoadedKeys> LoadKeys();
  absl::StatusOr<http::Response> Fetch(const std::string& method, const std::string& url,
                                       const std::string& body, const http::Headers& headers) const;

  const ProviderOptions options_;
  mutable absl::Mutex mutex_;
  Endpoints endpoints_ ABSL_GUARDED_BY(mutex_);  // empty until discovered
  std::unique_ptr<KeySource> keys_;
  std::unique_ptr<Verifier> verifier_;
};

}  // namespace afluente::identity
