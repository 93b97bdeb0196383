#include "identity/door_gate.h"

#include <memory>
#include <utility>

#include "host/worker_pool.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::identity {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr char kNotIdentified[] =
    "Request had invalid authentication credentials. Expected an ID token in an Authorization: "
    "Bearer header.";
constexpr char kNoKeys[] = "The keys that prove who sends a request cannot be had now.";

}  // namespace

void DoorGate::Check(http::Knock knock, Decided decided) {
  Judge(std::move(knock), true, std::move(decided));
}

void DoorGate::Ask(http::Knock knock, Decided decided) {
  Judge(std::move(knock), false, std::move(decided));
}

void DoorGate::Judge(http::Knock knock, bool acts, Decided decided) {
  const bool is_bearer =
      knock.authorization.size() > kBearer.size() &&
      schema::EqualsIgnoreCase(knock.authorization.substr(0, kBearer.size()), kBearer);
  if (!is_bearer) {
    return decided(Decide(knock, acts, absl::UnauthenticatedError("not exactly one bearer token")));
  }
  std::string token = knock.authorization.substr(kBearer.size());
  if (const auto verified = Verify(token, false)) return decided(Decide(knock, acts, *verified));
  struct Waiting {
    http::Knock knock;
    Decided decided;
  };
  // Shared: when the pool refuses, there is still someone to tell.
  auto waiting = std::make_shared<Waiting>(Waiting{std::move(knock), std::move(decided)});
  const bool taken = workers_.Submit([this, waiting, acts, token = std::move(token)] {
    waiting->decided(Decide(waiting->knock, acts, *Verify(token, true)));
  });
  if (!taken) {
    waiting->decided(
        Decide(waiting->knock, acts, absl::UnavailableError("too many wait for keys")));
  }
}

std::optional<absl::StatusOr<VerifiedTokenPtr>> DoorGate::Verify(const std::string& token,
                                                                 bool may_wait) {
  absl::Status refused = absl::UnauthenticatedError("no verifier");
  bool waits = false;
  for (Verifier* const verifier : verifiers_) {
    const auto verified = may_wait ? verifier->Verify(token) : verifier->VerifyNow(token);
    if (verified && verified->ok()) return verified;
    waits = waits || !verified;
    // An outage is the better reason: the token may be good.
    if (verified && !absl::IsUnavailable(refused)) refused = verified->status();
  }
  if (waits) return std::nullopt;
  return refused;
}

absl::StatusOr<std::string> DoorGate::Decide(const http::Knock& knock, bool acts,
                                             const absl::StatusOr<VerifiedTokenPtr>& token) const {
  absl::Status allowed = token.status();
  Caller caller;
  if (token.ok()) {
    caller = policy_.ToCaller((*token)->email, (*token)->groups);
    allowed = policy_.CheckRole(caller, knock.role);
    for (const std::string& dataset : knock.datasets) {
      if (allowed.ok()) allowed = policy_.CheckDataset(caller, dataset);
    }
  }
  if (allowed.ok()) return caller.email;
  if (!acts) return allowed;
  telemetry::Log(telemetry::Severity::kWarning, "request refused",
                 {{"log", "audit"},
                  {"door", door_},
                  {"decision", "deny"},
                  {"reason", std::string(allowed.message())},
                  {"email", caller.email}});
  if (absl::IsUnavailable(allowed)) return absl::UnavailableError(kNoKeys);
  if (absl::IsUnauthenticated(allowed)) return absl::UnauthenticatedError(kNotIdentified);
  return absl::PermissionDeniedError("The caller does not have permission.");
}

}  // namespace afluente::identity
