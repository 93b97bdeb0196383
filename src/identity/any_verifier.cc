#include "identity/any_verifier.h"

#include "schema/text.h"

namespace afluente::identity {
namespace {

constexpr std::string_view kBearer = "Bearer ";

// An outage is the better reason: the token may be good.
void Keep(const absl::Status& refusal, absl::Status& kept) {
  if (!absl::IsUnavailable(kept)) kept = refusal;
}

}  // namespace

std::optional<absl::StatusOr<VerifiedTokenPtr>> AnyVerifier::VerifyNow(std::string_view token) {
  absl::Status refused = absl::UnauthenticatedError("no verifier");
  bool waits = false;
  for (Verifier* const verifier : verifiers_) {
    const auto verified = verifier->VerifyNow(token);
    if (verified && verified->ok()) return verified;
    waits = waits || !verified;
    if (verified) Keep(verified->status(), refused);
  }
  if (waits) return std::nullopt;
  return refused;
}

absl::StatusOr<VerifiedTokenPtr> AnyVerifier::Verify(std::string_view token) {
  absl::Status refused = absl::UnauthenticatedError("no verifier");
  for (Verifier* const verifier : verifiers_) {
    auto verified = verifier->Verify(token);
    if (verified.ok()) return verified;
    Keep(verified.status(), refused);
  }
  return refused;
}

std::string_view BearerToken(std::string_view authorization) {
  const bool bearer = authorization.size() > kBearer.size() &&
                      schema::EqualsIgnoreCase(authorization.substr(0, kBearer.size()), kBearer);
  return bearer ? authorization.substr(kBearer.size()) : std::string_view();
}

}  // namespace afluente::identity
