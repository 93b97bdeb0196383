#include "identity/door_gate.h"

#include <memory>
#include <utility>

#include "host/worker_pool.h"
#include "telemetry/log.h"

namespace afluente::identity {
namespace {

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
  std::string token(BearerToken(knock.authorization));
  if (token.empty()) {
    return decided(Decide(knock, acts, absl::UnauthenticatedError("not exactly one bearer token")));
  }
  if (const auto verified = verifier_.VerifyNow(token))
    return decided(Decide(knock, acts, *verified));
  struct Waiting {
    http::Knock knock;
    Decided decided;
  };
  // Shared: when the pool refuses, there is still someone to tell.
  auto waiting = std::make_shared<Waiting>(Waiting{std::move(knock), std::move(decided)});
  const bool taken = workers_.Submit([this, waiting, acts, token = std::move(token)] {
    waiting->decided(Decide(waiting->knock, acts, verifier_.Verify(token)));
  });
  if (!taken) {
    waiting->decided(
        Decide(waiting->knock, acts, absl::UnavailableError("too many wait for keys")));
  }
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
