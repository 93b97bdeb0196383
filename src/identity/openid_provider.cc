#include "identity/openid_provider.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/check.h"
#include "host/hmac.h"
#include "http/client.h"
#include "identity/form.h"
#include "identity/json_object.h"
#include "schema/text.h"
#include "spec/access_forms.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr std::chrono::seconds kTimeout{10};
constexpr size_t kDocumentBytesMax = 256 << 10;

absl::StatusOr<json> JsonOf(const absl::StatusOr<http::Response>& answer, const std::string& url) {
  if (!answer.ok()) return answer.status();
  if (answer->status != 200 || answer->body.size() > kDocumentBytesMax) {
    return absl::UnauthenticatedError(Concat(url, ": answered ", answer->status));
  }
  return ParseJsonObject(answer->body);
}

std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

OpenIdProvider::OpenIdProvider(ProviderOptions options, const host::Clock& clock)
    : options_(std::move(options)) {
  keys_ = std::make_unique<CachedKeySource>([this] { return LoadKeys(); }, clock);
  TokenRules rules = IdTokenRules(options_.issuer, {options_.client_id});
  rules.groups_claim = options_.groups_claim;
  verifier_ = MakeVerifier(std::move(rules), *keys_, clock);
}

absl::StatusOr<http::Response> OpenIdProvider::Fetch(const std::string& method,
                                                     const std::string& url,
                                                     const std::string& body,
                                                     const http::Headers& headers) const {
  if (!options_.fetch) return http::Fetch(method, url, body, headers, kTimeout);
  http::Request request;
  request.method = method;
  // What stands behind the scheme and the authority.
  request.target = request.path =
      url.substr(std::min(url.find('/', url.find("//") + 2), url.size()));
  request.headers = headers;
  request.body = body;
  return options_.fetch(std::move(request));
}

absl::StatusOr<OpenIdProvider::Endpoints> OpenIdProvider::Known() const {
  absl::MutexLock lock(&mutex_);
  if (endpoints_.token.empty()) return absl::UnavailableError("the provider is not known yet");
  return endpoints_;
}

absl::Status OpenIdProvider::Discover() {
  if (Known().ok()) return absl::OkStatus();
  std::string issuer = options_.issuer;
  if (issuer.ends_with('/')) issuer.pop_back();
  const std::string place = issuer + "/.well-known/openid-configuration";
  AFLUENTE_ASSIGN_OR_RETURN(const json document, JsonOf(Fetch("GET", place, "", {}), place));
  if (TextOf(document, "issuer") != options_.issuer) {
    return absl::FailedPreconditionError("the discovery document is another issuer's");
  }
  Endpoints found{TextOf(document, "authorization_endpoint"), TextOf(document, "token_endpoint"),
                  TextOf(document, "end_session_endpoint"), TextOf(document, "jwks_uri")};
  const bool secure = options_.issuer.starts_with("https://");
  for (const std::string* url : {&found.authorization, &found.token, &found.keys}) {
    if (!spec::IsSafeUrl(*url) || (secure && !url->starts_with("https://")) ||
        (!secure && url->starts_with("https://"))) {
      return absl::FailedPreconditionError("the discovery document names unsafe places");
    }
  }
  if (!spec::IsSafeUrl(found.end_session)) found.end_session.clear();
  absl::MutexLock lock(&mutex_);
  endpoints_ = std::move(found);
  return absl::OkStatus();
}

absl::StatusOr<LoadedKeys> OpenIdProvider::LoadKeys() {
  AFLUENTE_RETURN_IF_ERROR(Discover());
  AFLUENTE_ASSIGN_OR_RETURN(const Endpoints endpoints, Known());
  if (options_.fetch) {
    AFLUENTE_ASSIGN_OR_RETURN(http::Response answer, Fetch("GET", endpoints.keys, "", {}));
    return LoadedKeys{std::move(answer.body), std::chrono::seconds(60)};
  }
  AFLUENTE_ASSIGN_OR_RETURN(const KeyLoader loader, LoadFromUrl(endpoints.keys));
  return loader();
}

std::string OpenIdProvider::AuthorizationUrl(const std::string& redirect, const std::string& state,
                                             const std::string& nonce,
                                             const std::string& challenge) const {
  const auto endpoints = Known();
  if (!endpoints.ok()) return "";
  return Concat(endpoints->authorization, "?",
                EncodeForm({{"response_type", "code"},
                            {"client_id", options_.client_id},
                            {"redirect_uri", redirect},
                            {"scope", "openid email"},
                            {"state", state},
                            {"nonce", nonce},
                            {"code_challenge", challenge},
                            {"code_challenge_method", "S256"}}));
}

std::string OpenIdProvider::EndSessionUrl(const std::string& back) const {
  const auto endpoints = Known();
  if (!endpoints.ok() || endpoints->end_session.empty()) return "";
  return Concat(
      endpoints->end_session, "?",
      EncodeForm({{"client_id", options_.client_id}, {"post_logout_redirect_uri", back}}));
}

absl::StatusOr<VerifiedTokenPtr> OpenIdProvider::Redeem(const std::string& code,
                                                        const std::string& redirect,
                                                        const std::string& code_verifier,
                                                        const std::string& nonce) {
  AFLUENTE_RETURN_IF_ERROR(Discover());
  AFLUENTE_ASSIGN_OR_RETURN(const Endpoints endpoints, Known());
  FormFields fields = {{"grant_type", "authorization_code"},
                       {"code", code},
                       {"redirect_uri", redirect},
                       {"client_id", options_.client_id},
                       {"code_verifier", code_verifier}};
  if (!options_.client_secret.empty()) fields.emplace_back("client_secret", options_.client_secret);
  http::Headers headers;
  headers.Add("Content-Type", "application/x-www-form-urlencoded");
  headers.Add("Accept", "application/json");
  AFLUENTE_ASSIGN_OR_RETURN(
      const json answer,
      JsonOf(Fetch("POST", endpoints.token, EncodeForm(fields), headers), endpoints.token));
  AFLUENTE_ASSIGN_OR_RETURN(VerifiedTokenPtr token, verifier_->Verify(TextOf(answer, "id_token")));
  if (nonce.empty() || !host::SameSecret(token->nonce, nonce)) {
    return absl::UnauthenticatedError("the ID token is for another sign-in");
  }
  return token;
}

}  // namespace afluente::identity
