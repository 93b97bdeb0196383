#pragma once

#include <string>
#include <vector>

#include "http/gate.h"
#include "identity/any_verifier.h"
#include "identity/policy.h"

namespace afluente::host {
class WorkerPool;
}

namespace afluente::identity {

// The gate of the doors besides the API: a bearer token that one of the verifiers believes (ID
// tokens of the login, the proxy's assertions), then `access.roles` and `access.datasets`. Owned by
// roles/, outlives the doors; thread-safe; keeps nothing. Every refusal is one line of the audit
// log with its reason.
class DoorGate final : public http::Gate {
 public:
  // `door` is its name in the log. `workers` run the verifications that must wait for keys. All
  // outlive the gate.
  DoorGate(std::string door, std::vector<Verifier*> verifiers, const Policy& policy,
           host::WorkerPool& workers)
      : door_(std::move(door)),
        verifier_(std::move(verifiers)),
        policy_(policy),
        workers_(workers) {}

  void Check(http::Knock knock, Decided decided) override;
  void Ask(http::Knock knock, Decided decided) override;

 private:
  // `acts`: a refusal is logged.
  void Judge(http::Knock knock, bool acts, Decided decided);
  absl::StatusOr<std::string> Decide(const http::Knock& knock, bool acts,
                                     const absl::StatusOr<VerifiedTokenPtr>& token) const;

  const std::string door_;
  AnyVerifier verifier_;
  const Policy& policy_;
  host::WorkerPool& workers_;
};

}  // namespace afluente::identity
