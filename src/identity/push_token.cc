#include "identity/push_token.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "host/check.h"
#include "identity/id_token.h"
#include "identity/json_object.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr std::string_view kRemoved = ".SIGNATURE_REMOVED_BY_GOOGLE";
constexpr int64_t kSkewSeconds = 30;
// Google issues tokens under both names.
const std::vector<std::string>& Issuers() {
  static const auto& issuers = *new std::vector<std::string>{kGoogleIssuer, "accounts.google.com"};
  return issuers;
}

std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::Status Refused(std::string_view why) { return absl::UnauthenticatedError(Concat(why)); }

TokenRules RulesOf(const PushTokenRules& rules) {
  TokenRules token = IdTokenRules(kGoogleIssuer, {rules.audience});
  token.issuers = Issuers();
  token.allow_rs256 = true;
  token.require_verified_email = true;
  return token;
}

}  // namespace

PushTokenCheck::PushTokenCheck(PushTokenRules rules, KeySource& keys, const host::Clock& clock)
    : rules_(std::move(rules)),
      clock_(clock),
      verifier_(MakeVerifier(RulesOf(rules_), keys, clock)) {}

absl::Status PushTokenCheck::Check(const std::string& token) {
  if (token.empty()) return Refused("no token");
  if (token.ends_with(kRemoved)) {
    if (rules_.verified_by_cloud_run) return CheckClaims(token);
    return Refused("Cloud Run removed the signature; it must be told that Cloud Run verifies");
  }
  if (rules_.verified_by_cloud_run) return Refused("the token did not come through Cloud Run");
  AFLUENTE_ASSIGN_OR_RETURN(const VerifiedTokenPtr verified, verifier_->Verify(token));
  if (verified->email != schema::Lowercase(rules_.email)) {
    return Refused(Concat("the token is for ", verified->email));
  }
  return absl::OkStatus();
}

absl::Status PushTokenCheck::CheckClaims(const std::string& token) const {
  const size_t begin = token.find('.') + 1;
  const size_t size = token.size() - kRemoved.size() - begin;
  const auto text = begin > token.size() - kRemoved.size()
                        ? std::nullopt
                        : DecodeBase64Url(std::string_view(token).substr(begin, size));
  if (!text.has_value()) return Refused("not a token");
  const auto claims = ParseJsonObject(*text);
  if (!claims.ok()) return Refused("not a token's claims");
  const std::string issuer = TextOf(*claims, "iss");
  if (issuer != Issuers()[0] && issuer != Issuers()[1]) return Refused("another issuer");
  if (TextOf(*claims, "aud") != rules_.audience) return Refused("another audience");
  if (schema::Lowercase(TextOf(*claims, "email")) != schema::Lowercase(rules_.email)) {
    return Refused("another account");
  }
  const auto expires = claims->find("exp");
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
  if (expires == claims->end() || !expires->is_number_integer() ||
      expires->get<int64_t>() + kSkewSeconds < now) {
    return Refused("too old");
  }
  return absl::OkStatus();
}

}  // namespace afluente::identity
