#include "identity/proxy.h"

#include <algorithm>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "host/digest.h"
#include "host/random.h"
#include "host/worker_pool.h"
#include "http/hop_headers.h"
#include "http/loopback_guard.h"
#include "http/preflight.h"
#include "http/problem.h"
#include "http/trace.h"
#include "identity/assertion_signer.h"
#include "identity/developer_issuer.h"
#include "identity/form.h"
#include "identity/identity_headers.h"
#include "identity/jose.h"
#include "identity/openid_provider.h"
#include "identity/policy.h"
#include "identity/request_target.h"
#include "identity/sessions.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::identity {
namespace {

using http::Verdict;
using schema::Concat;

constexpr char kOwnPath[] = "/_afluente/";
constexpr char kCallbackPath[] = "/_afluente/callback";
constexpr char kLogoutPath[] = "/_afluente/logout";
constexpr char kConsolePath[] = "/_afluente/console/";
constexpr char kKeysPath[] = "/iap/verify/public_key-jwk";
constexpr std::string_view kLogin = "login";
constexpr std::chrono::seconds kLoginTime{600};
constexpr size_t kSecretBytes = 32;

std::string Only(const http::Headers& headers, std::string_view name) {
  const std::string* value = headers.Find(name);
  return value != nullptr && headers.Count(name) == 1 ? *value : "";
}

std::string Secret() { return EncodeBase64Url(host::RandomBytes(kSecretBytes)); }

http::Response Redirect(std::string location) {
  http::Response response = http::Response::Text(302, "text/plain", "");
  response.headers.Add("Location", std::move(location));
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

// A request under way.
struct Visit {
  http::Request request;
  absl::AnyInvocable<void(Verdict)> done;
  std::string host;
  bool secure = false;  // we end its TLS, or who stands before us does

  std::string Url(std::string_view path) const {
    return Concat(secure ? "https://" : "http://", host, path);
  }
};
using VisitPtr = std::shared_ptr<Visit>;  // shared with the worker that finishes it

void Audit(const Visit& visit, bool allowed, const std::string& email, std::string_view reason) {
  telemetry::LogFields fields = {{"log", "audit"},
                                 {"door", "proxy"},
                                 {"decision", allowed ? "allow" : "deny"},
                                 {"reason", std::string(reason)},
                                 {"email", email},
                                 {"method", visit.request.method},
                                 {"path", visit.request.path},
                                 {"remote", visit.request.remote_address}};
  for (auto& trace : http::TraceFields(visit.request.headers)) fields.push_back(std::move(trace));
  telemetry::Log(allowed ? telemetry::Severity::kInfo : telemetry::Severity::kWarning,
                 allowed ? "request let through" : "request refused", fields);
}

void Refuse(Visit& visit, int status, std::string_view words, std::string_view reason,
            const std::string& email = "") {
  Audit(visit, false, email, reason);
  http::Response response = http::Problem(status,
                                          status == 401   ? "Unauthorized"
                                          : status == 403 ? "Forbidden"
                                          : status == 400 ? "Bad Request"
                                                          : "Service Unavailable",
                                          words);
  response.headers.Add("Cache-Control", "no-store");
  if (status == 401) response.headers.Add("WWW-Authenticate", "Bearer");
  visit.done(std::move(response));
}

bool WantsPage(const http::Request& request) {
  return request.method == "GET" &&
         Only(request.headers, "Accept").find("text/html") != std::string::npos &&
         !http::IsWebSocketUpgrade(request);
}

class DecidingProxy final : public Proxy {
 public:
  DecidingProxy(ProxyOptions options, ProxyPorts ports)
      : options_(std::move(options)), ports_(ports), sessions_(ports.clock) {}

  http::Decide decide() override {
    return [this](http::Request request, absl::AnyInvocable<void(Verdict)> done) {
      auto visit = std::make_shared<Visit>();
      visit->request = std::move(request);
      visit->done = std::move(done);
      Start(visit);
    };
  }

 private:
  void Start(const VisitPtr& visit) {
    const http::Request& request = visit->request;
    if (request.path == "/health" && (request.method == "GET" || request.method == "HEAD")) {
      return visit->done(http::Response::Json(200, "{\"status\":\"ok\"}"));
    }
    visit->host = Only(request.headers, "Host");
    if (!http::IsLoopbackAuthority(visit->host, options_.hosts)) {
      return Refuse(*visit, 403, "this door does not answer to that name", "Host is another one");
    }
    visit->secure = request.tls || !http::IsLoopbackAuthority(visit->host, {});
    if (const absl::Status path = CheckPath(request.path); !path.ok()) {
      return Refuse(*visit, 400, "the path is not plain", std::string(path.message()));
    }
    if (request.path == kKeysPath && request.method == "GET") {
      http::Response keys = http::Response::Json(200, ports_.assertion_keys.PublicKeys());
      keys.headers.Add("Cache-Control", "public, max-age=300");
      return visit->done(std::move(keys));
    }
    if (request.path.starts_with(kOwnPath) && !IsForConsole(request)) return Own(visit);
    Identify(visit);
  }

  bool IsForConsole(const http::Request& request) const {
    return !options_.console.empty() && request.path.starts_with(kConsolePath);
  }

  void Own(const VisitPtr& visit) {
    const http::Request& request = visit->request;
    if (request.path.starts_with(Concat(kIssuerPath, "/")) && ports_.developer_issuer != nullptr) {
      const bool has_body = request.headers.Find("Content-Length") != nullptr ||
                            request.headers.Find("Transfer-Encoding") != nullptr;
      if (has_body && request.body.empty() && Only(request.headers, "Content-Length") != "0") {
        return visit->done(http::NeedBody());
      }
      return visit->done(ports_.developer_issuer->Handle(request));
    }
    if (request.path == kCallbackPath && request.method == "GET") return Callback(visit);
    if (request.path == kLogoutPath) return Logout(visit);
    if (!options_.console.empty() && Concat(request.path, "/") == kConsolePath) {
      return visit->done(Redirect(kConsolePath));
    }
    visit->done(http::Problem(404, "Not Found", "the proxy has nothing here"));
  }

  // Runs `work` where it may block.
  void OnWorker(const VisitPtr& visit, std::function<void()> work) {
    if (ports_.workers.Submit(std::move(work))) return;
    Refuse(*visit, 503, "too many requests wait for the provider", "no worker");
  }

  void Identify(const VisitPtr& visit) {
    const http::Headers& headers = visit->request.headers;
    if (headers.Count("Authorization") > 1 || headers.Count("Cookie") > 1) {
      return Refuse(*visit, 400, "a header field occurs twice", "two Authorization or Cookie");
    }
    const std::string authorization = Only(headers, "Authorization");
    constexpr std::string_view kBearer = "Bearer ";
    if (!authorization.empty()) {
      if (!schema::EqualsIgnoreCase(authorization.substr(0, kBearer.size()), kBearer)) {
        return Refuse(*visit, 401, "only Bearer ID tokens are understood", "another scheme");
      }
      return IdentifyByToken(visit, authorization.substr(kBearer.size()));
    }
    if (const auto session = sessions_.Find(headers, visit->secure)) {
      if (const char* foreign = ForeignPage(*visit)) {
        return Refuse(*visit, 403, "requests from pages of other sites are refused", foreign,
                      session->user.email);
      }
      const auto renewed = sessions_.RenewIfDue(*session, visit->secure);
      return Admit(visit, session->user, renewed.value_or(""));
    }
    if (WantsPage(visit->request)) return SignIn(visit);
    // The API says which origins' pages may ask; it learns of nobody here.
    if (http::IsPreflight(visit->request) && !IsForConsole(visit->request))
      return visit->done(Onward(*visit));
    Refuse(*visit, 401, "sign in, or send an ID token", "no identity");
  }

  void IdentifyByToken(const VisitPtr& visit, const std::string& token) {
    if (const auto verified = ports_.provider.verifier().VerifyNow(token)) {
      return Verified(visit, *verified);
    }
    OnWorker(visit,
             [this, visit, token] { Verified(visit, ports_.provider.verifier().Verify(token)); });
  }

  void Verified(const VisitPtr& visit, const absl::StatusOr<VerifiedTokenPtr>& token) {
    if (token.ok()) return Admit(visit, UserOf(**token), "");
    const bool outage = absl::IsUnavailable(token.status());
    Refuse(*visit, outage ? 503 : 401,
           outage ? "the provider's keys cannot be had now" : "the ID token is not valid",
           std::string(token.status().message()));
  }

  static ProvenUser UserOf(const VerifiedToken& token) {
    return {token.subject, token.email, token.groups};
  }

  // Why a request with a session may be another site's doing; nullptr when it is not.
  static const char* ForeignPage(const Visit& visit) {
    const http::Request& request = visit.request;
    const bool safe =
        request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
    if (safe && !http::IsWebSocketUpgrade(request)) return nullptr;
    const std::string origin = Only(request.headers, "Origin");
    return origin == visit.Url("") ? nullptr : "Origin is another one";
  }

  void Admit(const VisitPtr& visit, const ProvenUser& user, const std::string& cookie) {
    const Caller caller = ports_.policy.ToCaller(user.email, user.groups);
    // The empty path is no endpoint's: this asks for `members` alone.
    if (const absl::Status allowed = ports_.policy.CheckEndpoint(caller, ""); !allowed.ok()) {
      return Refuse(*visit, 403, "you may not come in here", std::string(allowed.message()),
                    user.email);
    }
    const auto assertion = ports_.assertions.SignFor(user);
    if (!assertion.ok()) {
      return Refuse(*visit, 503, "the request cannot be signed now",
                    std::string(assertion.status().message()), user.email);
    }
    Audit(*visit, true, user.email, "");
    http::ForwardTo to = Onward(*visit);
    to.headers.Add(kEmailHeader, "accounts.google.com:" + user.email);
    to.headers.Add(kUserIdHeader, "accounts.google.com:" + user.subject);
    to.headers.Add(kAssertionHeader, *assertion);
    if (!cookie.empty()) to.answer_headers.Add("Set-Cookie", cookie);
    visit->done(std::move(to));
  }

  // The admin door's own path, and the query.
  static std::string ConsoleTarget(const http::Request& request) {
    const size_t query = request.target.find('?');
    return Concat(request.path.substr(sizeof kConsolePath - 2),
                  query == std::string::npos ? "" : request.target.substr(query));
  }

  // The request without anything about who sends it.
  http::ForwardTo Onward(const Visit& visit) const {
    http::ForwardTo to;
    const bool console = IsForConsole(visit.request);
    to.address = console ? options_.console : options_.upstream;
    if (!console) to.tls_host = options_.upstream_tls_host;
    to.target = console ? ConsoleTarget(visit.request) : visit.request.target;
    to.headers = Cleaned(visit);
    if (!console && !options_.upstream_host.empty()) to.headers.Set("Host", options_.upstream_host);
    to.headers.Add("X-Forwarded-For", visit.request.remote_address);
    to.headers.Add("X-Forwarded-Host", visit.host);
    to.headers.Add("X-Forwarded-Proto", visit.secure ? "https" : "http");
    return to;
  }

  // What the caller may say to the API: nothing about who it is or where it comes from.
  static http::Headers Cleaned(const Visit& visit) {
    http::Headers kept;
    const http::Headers given = http::WithoutHopByHop(visit.request.headers);
    for (const auto& [name, value] : given.entries()) {
      if (IsIdentityHeader(name) || IsForwardingHeader(name) ||
          schema::EqualsIgnoreCase(name, "Authorization")) {
        continue;
      }
      if (!schema::EqualsIgnoreCase(name, "Cookie")) {
        kept.Add(name, value);
        continue;
      }
      const std::string rest =
          WithoutCookies(WithoutCookies(value, kCookiePrefix), kHostCookiePrefix);
      if (!rest.empty()) kept.Add(name, rest);
    }
    return kept;
  }

  void SignIn(const VisitPtr& visit) {
    OnWorker(visit, [this, visit] {
      if (const absl::Status known = ports_.provider.Discover(); !known.ok()) {
        return Refuse(*visit, 503, "the provider to sign in at is not there",
                      std::string(known.message()));
      }
      const std::string state = Secret();
      const std::string nonce = Secret();
      const std::string code_verifier = Secret();
      http::Response response = Redirect(ports_.provider.AuthorizationUrl(
          visit->Url(kCallbackPath), state, nonce, EncodeBase64Url(host::Sha256(code_verifier))));
      const std::string back = IsSameSitePath(visit->request.target) ? visit->request.target : "/";
      response.headers.Add(
          "Set-Cookie",
          sessions_.SetSealed(
              kLogin,
              {{"state", state}, {"nonce", nonce}, {"verifier", code_verifier}, {"back", back}},
              kLoginTime, visit->secure));
      Audit(*visit, false, "", "sent to sign in");
      visit->done(std::move(response));
    });
  }

  void Callback(const VisitPtr& visit) {
    const auto login = sessions_.FindSealed(kLogin, visit->request.headers, visit->secure);
    const std::string state = OnlyField(visit->request.query, "state");
    const std::string code = OnlyField(visit->request.query, "code");
    // Another browser's sign-in (login CSRF) has no cookie here with this state.
    if (!login || state.empty() || code.empty() || login->value("state", "") != state) {
      return Refuse(*visit, 400, "this sign-in was not begun here; start again",
                    "state is not this browser's");
    }
    OnWorker(visit, [this, visit, login = *login, code] {
      const auto token = ports_.provider.Redeem(
          code, visit->Url(kCallbackPath), login.value("verifier", ""), login.value("nonce", ""));
      if (!token.ok()) {
        return Refuse(*visit, 401, "signing in did not succeed; start again",
                      std::string(token.status().message()));
      }
      Audit(*visit, true, (*token)->email, "signed in");
      const std::string back = login.value("back", "/");
      http::Response response = Redirect(IsSameSitePath(back) ? back : "/");
      response.headers.Add("Set-Cookie", sessions_.Begin(UserOf(**token), visit->secure));
      response.headers.Add("Set-Cookie", Sessions::Clear(kLogin, visit->secure));
      visit->done(std::move(response));
    });
  }

  void Logout(const VisitPtr& visit) {
    const auto session = sessions_.Find(visit->request.headers, visit->secure);
    if (session) sessions_.End(*session);
    Audit(*visit, true, session ? session->user.email : "", "signed out");
    const std::string end = ports_.provider.EndSessionUrl(visit->Url("/health"));
    http::Response response = Redirect(end.empty() ? "/health" : end);
    response.headers.Add("Set-Cookie", Sessions::Clear("session", visit->secure));
    visit->done(std::move(response));
  }

  const ProxyOptions options_;
  const ProxyPorts ports_;
  Sessions sessions_;
};

}  // namespace

std::unique_ptr<Proxy> Proxy::Create(ProxyOptions options, ProxyPorts ports) {
  return std::make_unique<DecidingProxy>(std::move(options), ports);
}

}  // namespace afluente::identity
