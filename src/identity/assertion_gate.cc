#include "identity/assertion_gate.h"

#include <memory>
#include <utility>

#include "host/worker_pool.h"
#include "http/preflight.h"
#include "http/problem.h"
#include "http/trace.h"
#include "identity/identity_headers.h"
#include "telemetry/log.h"

namespace afluente::identity {
namespace {

constexpr char kNotIdentified[] = "the request carries no valid assertion of who sends it";
constexpr char kNotAllowed[] = "this caller may not use this endpoint";

void LogRefusal(const http::Request& request, const absl::Status& reason, std::string email) {
  const std::string* id = request.headers.Find("X-Request-Id");
  telemetry::LogFields fields = {{"log", "audit"},
                                 {"door", "api"},
                                 {"decision", "deny"},
                                 {"reason", std::string(reason.message())},
                                 {"email", std::move(email)},
                                 {"method", request.method},
                                 {"path", request.path},
                                 {"remote", request.remote_address},
                                 {"request_id", id == nullptr ? "" : *id}};
  for (auto& trace : http::TraceFields(request.headers)) fields.push_back(std::move(trace));
  telemetry::Log(telemetry::Severity::kWarning, "request refused", fields);
}

http::Response Unidentified(const absl::Status& reason) {
  if (absl::IsUnavailable(reason)) {
    http::Response response = http::Problem(
        503, "Service Unavailable", "the keys that prove who sends a request cannot be had now");
    response.headers.Add("Retry-After", "5");
    return response;
  }
  http::Response response = http::Problem(401, "Unauthorized", kNotIdentified);
  response.headers.Add("WWW-Authenticate", kAssertionHeader);
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

// Passes the request on, or refuses it.
void Conclude(const http::Handler& inner, http::Request request, http::Responder responder,
              const absl::Status& verified) {
  if (verified.ok()) return inner(std::move(request), std::move(responder));
  LogRefusal(request, verified, "");
  responder(Unidentified(verified));
}

}  // namespace

http::Handler AssertionGate::Guard(http::Handler inner, std::string open_path) const {
  return [this, inner = std::move(inner), open = std::move(open_path)](http::Request request,
                                                                       http::Responder responder) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (reads && request.path == open) return inner(std::move(request), std::move(responder));
    const std::string* assertion = FindAssertion(request.headers);
    // A browser asks so before a page's request, and never says who it is.
    if (assertion == nullptr && http::IsPreflight(request)) {
      return inner(std::move(request), std::move(responder));
    }
    if (assertion == nullptr) {
      return Conclude(inner, std::move(request), std::move(responder),
                      absl::UnauthenticatedError("not exactly one assertion header"));
    }
    if (const auto verified = verifier_.VerifyNow(*assertion)) {
      return Conclude(inner, std::move(request), std::move(responder), verified->status());
    }
    struct Waiting {
      http::Request request;
      http::Responder responder;
    };
    // Shared so that the responder is still here when the pool refuses the task.
    auto waiting = std::make_shared<Waiting>(Waiting{std::move(request), std::move(responder)});
    const bool taken = workers_.Submit([this, inner, waiting] {
      const auto verified = verifier_.Verify(*FindAssertion(waiting->request.headers));
      Conclude(inner, std::move(waiting->request), std::move(waiting->responder),
               verified.status());
    });
    if (!taken) {
      waiting->responder(Unidentified(absl::UnavailableError("too many wait for keys")));
    }
  };
}

absl::StatusOr<Caller> AssertionGate::Admit(const http::Request& request,
                                            const std::string& endpoint_path) const {
  const std::string* assertion = FindAssertion(request.headers);
  if (assertion == nullptr) return absl::UnauthenticatedError(kNotIdentified);
  // Guard has just verified it, so it is remembered, or its key is at hand.
  const auto verified = verifier_.VerifyNow(*assertion);
  if (!verified || !verified->ok()) return absl::UnauthenticatedError(kNotIdentified);
  const VerifiedToken& token = ***verified;
  Caller caller = policy_.ToCaller(token.email, token.groups);
  caller.expires = token.expires;
  const absl::Status allowed = policy_.CheckEndpoint(caller, endpoint_path);
  if (allowed.ok()) return caller;
  LogRefusal(request, allowed, caller.email);
  return absl::PermissionDeniedError(kNotAllowed);
}

bool AssertionGate::MayUse(const http::Request& request, const std::string& endpoint_path) const {
  const std::string* assertion = FindAssertion(request.headers);
  if (assertion == nullptr) return false;
  const auto verified = verifier_.VerifyNow(*assertion);
  if (!verified || !verified->ok()) return false;
  const VerifiedToken& token = ***verified;
  return policy_.CheckEndpoint(policy_.ToCaller(token.email, token.groups), endpoint_path).ok();
}

}  // namespace afluente::identity
