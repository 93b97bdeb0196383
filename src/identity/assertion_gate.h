#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "http/server.h"
#include "identity/policy.h"
#include "identity/verifier.h"

namespace afluente::host {
class WorkerPool;
}

namespace afluente::identity {

// Stands before the API: demands the signed assertion, and decides by the policy. Owned by roles/,
// outlives the handlers that it made; any thread; keeps nothing. Every refusal is one line of the
// log with its reason, which the caller never sees.
class AssertionGate {
 public:
  // `workers` run the verifications that must wait for keys. All outlive the gate.
  AssertionGate(Verifier& verifier, const Policy& policy, host::WorkerPool& workers)
      : verifier_(verifier), policy_(policy), workers_(workers) {}

  // Lets a request with one good assertion through to `inner`, whatever its path, and without it
  // only GET and HEAD of `open_path` and preflights, which `inner` must answer without telling
  // more than which origins it lets in; 401 else, 503 while the keys cannot be had.
  http::Handler Guard(http::Handler inner, std::string open_path = "/health") const;

  // Who asks, for a request that Guard let through and that was routed to `endpoint_path`. Does not
  // block. UNAUTHENTICATED or PERMISSION_DENIED with words that the caller may see.
  absl::StatusOr<Caller> Admit(const http::Request& request,
                               const std::string& endpoint_path) const;
  // Whether Admit would; nothing is logged, since the caller did not ask for it.
  bool MayUse(const http::Request& request, const std::string& endpoint_path) const;

 private:
  Verifier& verifier_;
  const Policy& policy_;
  host::WorkerPool& workers_;
};

}  // namespace afluente::identity
