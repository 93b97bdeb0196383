#include "identity/developer_issuer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "host/digest.h"
#include "host/hmac.h"
#include "host/random.h"
#include "http/loopback_guard.h"
#include "identity/id_token.h"
#include "identity/jose.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr size_t kGrantsMax = 1'000;
constexpr int64_t kCodeLife = 60;
constexpr int64_t kTokenLife = 3600;
constexpr size_t kSecretBytes = 24;

std::vector<std::string> UsersOf(const spec::Access& access) {
  std::set<std::string> users;
  const auto add = [&users](const spec::Members& members) {
    for (const spec::Member& member : members) {
      if (member.kind == spec::MemberKind::kUser ||
          member.kind == spec::MemberKind::kServiceAccount) {
        users.insert(member.value);
      }
      if (member.kind == spec::MemberKind::kDomain) users.insert("developer@" + member.value);
    }
  };
  add(access.members);
  for (const auto& rule : access.endpoints) add(rule.members);
  add(access.roles.viewer);
  add(access.roles.operators);
  add(access.roles.publisher);
  add(access.roles.admin);
  for (const auto& [group, emails] : access.groups) users.insert(emails.begin(), emails.end());
  if (users.empty()) users.insert("developer@example.com");
  return {users.begin(), users.end()};
}

http::Response Error(int status, std::string_view code, std::string_view detail) {
  http::Response response =
      http::Response::Json(status, json({{"error", code}, {"error_description", detail}}).dump());
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

http::Response Redirect(std::string location) {
  http::Response response = http::Response::Text(302, "text/plain", "");
  response.headers.Add("Location", std::move(location));
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

// http or https on loopback, without user and fragment.
bool IsLoopbackUrl(const std::string& url) {
  const size_t begin = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  if (begin == 0 || url.find_first_of("#\\@ \r\n") != std::string::npos) return false;
  const size_t end = url.find_first_of("/?", begin);
  return http::IsLoopbackAuthority(url.substr(begin, end - begin), {});
}

}  // namespace

DeveloperIssuer::DeveloperIssuer(std::string url, const spec::Access& access, const Signer& signer,
                                 const host::Clock& clock)
    : url_(std::move(url)), signer_(signer), clock_(clock), users_(UsersOf(access)) {}

int64_t DeveloperIssuer::Now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
}

http::Response DeveloperIssuer::Handle(const http::Request& request) {
  const std::string path = request.path.substr(std::string_view(kIssuerPath).size());
  const bool get = request.method == "GET";
  if (get && path == "/.well-known/openid-configuration") return Discovery();
  if (get && path == "/keys") {
    http::Response response = http::Response::Json(200, signer_.PublicKeys());
    response.headers.Add("Cache-Control", "public, max-age=300");
    return response;
  }
  if (get && path == "/authorize") return Authorize(request);
  if (request.method == "POST" && path == "/token") return Token(request);
  if (get && path == "/userinfo") return UserInfo(request);
  if (get && path == "/logout") return EndSession(request);
  return Error(404, "not_found", "the developer issuer has nothing here");
}

http::Response DeveloperIssuer::Discovery() const {
  return http::Response::Json(200, json({{"issuer", url_},
                                         {"authorization_endpoint", url_ + "/authorize"},
                                         {"token_endpoint", url_ + "/token"},
                                         {"userinfo_endpoint", url_ + "/userinfo"},
                                         {"end_session_endpoint", url_ + "/logout"},
                                         {"jwks_uri", url_ + "/keys"},
                                         {"response_types_supported", {"code"}},
                                         {"grant_types_supported", {"authorization_code"}},
                                         {"subject_types_supported", {"public"}},
                                         {"id_token_signing_alg_values_supported", {"RS256"}},
                                         {"code_challenge_methods_supported", {"S256"}},
                                         {"token_endpoint_auth_methods_supported", {"none"}},
                                         {"scopes_supported", {"openid", "email"}},
                                         {"claims_supported", {"sub", "email", "email_verified"}}})
                                       .dump());
}

http::Response DeveloperIssuer::Authorize(const http::Request& request) {
  const std::string redirect = OnlyField(request.query, "redirect_uri");
  const std::string client = OnlyField(request.query, "client_id");
  // Without a redirect address that may be trusted the error stays here.
  if (!IsLoopbackUrl(redirect) || client.empty()) {
    return Error(400, "invalid_request", "client_id and a redirect_uri on loopback are needed");
  }
  const std::string challenge = OnlyField(request.query, "code_challenge");
  if (OnlyField(request.query, "response_type") != "code" || challenge.size() != 43 ||
      OnlyField(request.query, "code_challenge_method") != "S256") {
    return Error(400, "invalid_request", "the code flow with PKCE S256 alone is spoken here");
  }
  const std::string email = schema::Lowercase(OnlyField(request.query, "login"));
  if (email.empty()) return Picker(request);
  if (!spec::IsEmail(email)) return Error(400, "invalid_request", "login is no email address");
  std::string code;
  {
    absl::MutexLock lock(&mutex_);
    code = Keep(codes_, {email, client, redirect, challenge, OnlyField(request.query, "nonce"),
                         Now() + kCodeLife});
  }
  const FormFields answer = {{"code", code}, {"state", OnlyField(request.query, "state")}};
  return Redirect(
      Concat(redirect, redirect.find('?') == std::string::npos ? "?" : "&", EncodeForm(answer)));
}

http::Response DeveloperIssuer::Picker(const http::Request& request) const {
  std::string fields;
  for (const auto& [name, value] : request.query) {
    fields += Concat("<input type=\"hidden\" name=\"", HtmlText(name), "\" value=\"",
                     HtmlText(value), "\">");
  }
  std::string page = Concat(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign in</title>"
      "<h1>Sign in (development)</h1><form>",
      fields);
  for (const std::string& user : users_) {
    page += Concat("<p><button name=\"login\" value=\"", HtmlText(user), "\">", HtmlText(user),
                   "</button></p>");
  }
  page += Concat("</form><form>", fields,
                 "<p><label>Another email <input name=\"login\" type=\"email\" required></label> "
                 "<button>Sign in</button></p></form></html>");
  http::Response response = http::Response::Text(200, "text/html; charset=utf-8", page);
  response.headers.Add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

http::Response DeveloperIssuer::Token(const http::Request& request) {
  const auto fields = ParseForm(request.body);
  if (!fields || OnlyField(*fields, "grant_type") != "authorization_code") {
    return Error(400, "unsupported_grant_type", "authorization_code alone is spoken here");
  }
  Grant grant;
  std::string access_token;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = codes_.find(OnlyField(*fields, "code"));
    if (found == codes_.end()) return Error(400, "invalid_grant", "no such code");
    grant = found->second;
    codes_.erase(found);  // a code is good once, whatever comes of it
    const std::string challenge =
        EncodeBase64Url(host::Sha256(OnlyField(*fields, "code_verifier")));
    if (grant.until <= Now() || grant.redirect != OnlyField(*fields, "redirect_uri") ||
        grant.client != OnlyField(*fields, "client_id") ||
        !host::SameSecret(challenge, grant.challenge)) {
      return Error(400, "invalid_grant", "the code is not for this");
    }
    Grant access = grant;
    access.until = Now() + kTokenLife;
    access_token = Keep(access_tokens_, std::move(access));
  }
  IdTokenClaims claims;
  claims.issuer = url_;
  claims.audience = claims.authorized_party = grant.client;
  claims.email = grant.email;
  claims.nonce = grant.nonce;
  const auto id_token = MintIdToken(signer_, claims, clock_.Now());
  if (!id_token.ok()) return Error(500, "server_error", "the token could not be signed");
  http::Response response = http::Response::Json(200, json({{"access_token", access_token},
                                                            {"token_type", "Bearer"},
                                                            {"expires_in", kTokenLife},
                                                            {"id_token", *id_token}})
                                                          .dump());
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

http::Response DeveloperIssuer::UserInfo(const http::Request& request) {
  const std::string* given = request.headers.Find("Authorization");
  constexpr std::string_view kBearer = "Bearer ";
  absl::MutexLock lock(&mutex_);
  const auto found = given != nullptr && given->starts_with(kBearer)
                         ? access_tokens_.find(given->substr(kBearer.size()))
                         : access_tokens_.end();
  if (found == access_tokens_.end() || found->second.until <= Now()) {
    return Error(401, "invalid_token", "no such access token");
  }
  const std::string& email = found->second.email;
  return http::Response::Json(
      200, json({{"sub", SubjectOf(email)}, {"email", email}, {"email_verified", true}}).dump());
}

http::Response DeveloperIssuer::EndSession(const http::Request& request) const {
  const std::string back = OnlyField(request.query, "post_logout_redirect_uri");
  if (IsLoopbackUrl(back)) return Redirect(back);
  return http::Response::Text(200, "text/plain; charset=utf-8", "Signed out.\n");
}

std::string DeveloperIssuer::Keep(std::map<std::string, Grant>& grants, Grant grant) {
  std::erase_if(grants, [this](const auto& each) { return each.second.until <= Now(); });
  if (grants.size() >= kGrantsMax) grants.erase(grants.begin());
  std::string name = EncodeBase64Url(host::RandomBytes(kSecretBytes));
  grants.emplace(name, std::move(grant));
  return name;
}

}  // namespace afluente::identity
