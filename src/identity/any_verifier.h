#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "identity/verifier.h"

namespace afluente::identity {

// Believes what one of several verifiers believes, all of which outlive it: doors besides the API
// take both ID tokens of the login and the proxy's assertions. Thread-safe; keeps nothing.
class AnyVerifier final : public Verifier {
 public:
  explicit AnyVerifier(std::vector<Verifier*> verifiers) : verifiers_(std::move(verifiers)) {}

  // nullopt, too, when one that has its keys refuses and another must fetch its own.
  std::optional<absl::StatusOr<VerifiedTokenPtr>> VerifyNow(std::string_view token) override;
  absl::StatusOr<VerifiedTokenPtr> Verify(std::string_view token) override;

 private:
  const std::vector<Verifier*> verifiers_;
};

// The token of an Authorization field (RFC 6750, 2.1); empty when it is no bearer's.
std::string_view BearerToken(std::string_view authorization);

}  // namespace afluente::identity
