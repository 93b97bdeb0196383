#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "identity/signer.h"

namespace afluente::identity {

// Who passed the proxy.
struct ProvenUser {
  std::string subject;
  std::string email;
  std::vector<std::string> groups;  // that the login's token named
};

// Signs what Identity-Aware Proxy signs for each request; one user's assertion is used again for a
// minute. Thread-safe.
class AssertionSigner {
 public:
  AssertionSigner(const Signer& signer, const host::Clock& clock, std::string issuer,
                  std::string audience)
      : signer_(signer),
        clock_(clock),
        issuer_(std::move(issuer)),
        audience_(std::move(audience)) {}
  absl::StatusOr<std::string> SignFor(const ProvenUser& user);

 private:
  struct Signed {
    std::string token;
    int64_t until = 0;
  };
  const Signer& signer_;
  const host::Clock& clock_;
  const std::string issuer_;
  const std::string audience_;
  absl::Mutex mutex_;
  std::unordered_map<std::string, Signed> signed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::identity
