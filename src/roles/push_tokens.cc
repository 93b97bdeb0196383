#include "roles/push_tokens.h"

#include <chrono>
#include <utility>

#include "broker/resources.h"
#include "host/check.h"
#include "identity/id_token.h"
#include "identity/key_store.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::seconds kLife{3600};
constexpr std::chrono::minutes kLeftMin{5};
// Emails with audiences; what is beyond is signed anew.
constexpr size_t kCachedMax = 10'000;

}  // namespace

PushTokens::PushTokens(const host::Clock& clock, std::string key_file)
    : clock_(clock), key_file_(std::move(key_file)) {}
PushTokens::~PushTokens() = default;

absl::Status PushTokens::OpenKeys() {
  if (keys_) return absl::OkStatus();
  identity::KeyStoreOptions options;
  options.algorithm = identity::Algorithm::kRs256;
  AFLUENTE_ASSIGN_OR_RETURN(keys_, identity::KeyStore::Open(files_, clock_, key_file_, options));
  return absl::OkStatus();
}

absl::StatusOr<std::string> PushTokens::TokenFor(const broker::OidcToken& oidc_token,
                                                 std::string_view endpoint) {
  identity::IdTokenClaims claims;
  claims.email = oidc_token.service_account_email;
  claims.audience = oidc_token.audience.empty() ? std::string(endpoint) : oidc_token.audience;
  claims.life = kLife;
  const host::WallTime now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  if (cache_.size() >= kCachedMax) cache_.clear();
  Cached& cached = cache_[{claims.email, claims.audience}];
  if (now < cached.until) return cached.token;
  AFLUENTE_RETURN_IF_ERROR(OpenKeys());
  AFLUENTE_RETURN_IF_ERROR(keys_->RotateIfDue());
  AFLUENTE_ASSIGN_OR_RETURN(cached.token, identity::MintIdToken(*keys_, claims, now));
  cached.until = now + kLife - kLeftMin;
  return cached.token;
}

absl::StatusOr<std::string> PushTokens::PublicKeys() {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(OpenKeys());
  return keys_->PublicKeys();
}

}  // namespace afluente::roles
