#include "identity/id_token.h"

#include <nlohmann/json.hpp>

#include "host/digest.h"

namespace afluente::identity {

std::string SubjectOf(const std::string& email) {
  constexpr size_t kDigits = 20;
  std::string subject = "1";
  for (const char c : host::Sha256(email)) {
    if (subject.size() < kDigits) {
      subject += static_cast<char>('0' + static_cast<unsigned char>(c) % 10);
    }
  }
  return subject;
}

absl::StatusOr<std::string> MintIdToken(const Signer& signer, const IdTokenClaims& claims,
                                        host::WallTime now) {
  const int64_t issued =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::string subject = claims.subject.empty() ? SubjectOf(claims.email) : claims.subject;
  nlohmann::json token = {
      {"iss", claims.issuer},
      {"aud", claims.audience},
      {"azp", claims.authorized_party.empty() ? subject : claims.authorized_party},
      {"sub", subject},
      {"iat", issued},
      {"exp", issued + claims.life.count()}};
  if (!claims.nonce.empty()) token["nonce"] = claims.nonce;
  if (!claims.email.empty()) {
    token["email"] = claims.email;
    token["email_verified"] = true;
  }
  return signer.Sign(token.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace afluente::identity
