#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "host/clock.h"
#include "identity/key_source.h"
#include "identity/verifier.h"

namespace afluente::identity {

struct PushTokenRules {
  std::string audience;  // what the subscription's token names
  std::string email;     // the service account that it is for
  // Cloud Run verifies the token of a caller before the container sees it, and replaces its
  // signature by a word ("Service-to-service authentication"). True: that word is taken for the
  // signature. Only where nothing but Cloud Run can reach the door.
  bool verified_by_cloud_run = false;
};

// Says whether a push bears the token that its subscription was given. Thread-safe.
class PushTokenCheck {
 public:
  // `keys` are Google's (or those of an Afluente that pushes) and outlive it.
  PushTokenCheck(PushTokenRules rules, KeySource& keys, const host::Clock& clock);

  // UNAUTHENTICATED with the reason, for the log; UNAVAILABLE when the keys cannot be had. May
  // block.
  absl::Status Check(const std::string& token);

 private:
  absl::Status CheckClaims(const std::string& token) const;

  const PushTokenRules rules_;
  const host::Clock& clock_;
  const std::unique_ptr<Verifier> verifier_;
};

}  // namespace afluente::identity
