#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "host/clock.h"
#include "identity/signer.h"

namespace afluente::identity {

// Google's own issuer of ID tokens.
inline constexpr char kGoogleIssuer[] = "https://accounts.google.com";

// What an OpenID Connect ID token says (OpenID Connect Core 1.0, 2), with the members that Google
// adds to those of a service account.
struct IdTokenClaims {
  std::string issuer = kGoogleIssuer;
  std::string audience{};
  std::string subject{};           // empty: made from the email, the same each time
  std::string email{};             // empty: no `email` and no `email_verified`
  std::string authorized_party{};  // `azp`; empty: the subject
  std::string nonce{};             // empty: none
  std::chrono::seconds life{3600};
};

// `claims` signed as of `now`. Does not block.
absl::StatusOr<std::string> MintIdToken(const Signer& signer, const IdTokenClaims& claims,
                                        host::WallTime now);

// A stable, opaque subject for an email: decimal digits, as Google's are.
std::string SubjectOf(const std::string& email);

}  // namespace afluente::identity
