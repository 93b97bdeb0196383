#include "identity/verifier.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/check.h"
#include "host/digest.h"
#include "identity/key_source.h"
#include "identity/token.h"
#include "identity/verified_tokens.h"
#include "schema/text.h"
#include "spec/member.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr int64_t kSkewSeconds = 30;
constexpr int64_t kTimeMax = 253'402'300'799;  // the last second of year 9999
constexpr size_t kRememberedMax = 10'000;
constexpr size_t kGroupsMax = 1'000;

absl::Status Refused(std::string_view why) {
  return absl::UnauthenticatedError(Concat("token refused: ", why));
}

absl::StatusOr<std::string> Text(const json& claims, const char* name, bool required) {
  const auto found = claims.find(name);
  if (found == claims.end() && !required) return "";
  if (found == claims.end() || !found->is_string()) {
    return Refused(Concat("'", name, "' is ", found == claims.end() ? "missing" : "not a text"));
  }
  return found->get<std::string>();
}

absl::StatusOr<int64_t> Time(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number_integer()) {
    return Refused(Concat("'", name, "' is not a whole number"));
  }
  // Unsigned ones beyond int64 would wrap.
  if (found->is_number_unsigned() && found->get<uint64_t>() > uint64_t{kTimeMax}) {
    return Refused(Concat("'", name, "' is out of range"));
  }
  const int64_t seconds = found->get<int64_t>();
  if (seconds < 0) return Refused(Concat("'", name, "' is out of range"));
  return seconds;
}

bool IsOneOf(const std::string& value, const std::vector<std::string>& allowed) {
  return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

class RuledVerifier final : public Verifier {
 public:
  RuledVerifier(TokenRules rules, KeySource& keys, const host::Clock& clock)
      : rules_(std::move(rules)), keys_(keys), clock_(clock), remembered_(kRememberedMax / 2) {}

  std::optional<absl::StatusOr<VerifiedTokenPtr>> VerifyNow(std::string_view token) override {
    return Check(token, true);
  }

  absl::StatusOr<VerifiedTokenPtr> Verify(std::string_view token) override {
    if (auto verified = Check(token, true)) return *std::move(verified);
    const absl::Status refreshed = keys_.Refresh();
    auto verified = *Check(token, false);
    // The outage is the reason, not the token.
    if (!refreshed.ok() && !verified.ok()) {
      return absl::UnavailableError(
          Concat("the issuer's keys cannot be had: ", std::string(refreshed.message())));
    }
    return verified;
  }

 private:
  // nullopt, when `may_ask`, for a key that a refresh may bring.
  std::optional<absl::StatusOr<VerifiedTokenPtr>> Check(std::string_view token, bool may_ask) {
    if (token.size() > kTokenBytesMax) return Refused("too long");
    const std::string digest = host::Sha256(token);
    if (VerifiedTokenPtr known = remembered_.Find(digest)) {
      if (absl::Status status = CheckTimes(*known); !status.ok()) return status;
      return known;
    }
    const auto parsed = ParseToken(token);
    if (!parsed.ok()) return parsed.status();
    if (parsed->algorithm == Algorithm::kRs256 && !rules_.allow_rs256) {
      return Refused("its algorithm is not ES256");
    }
    const KeySource::Found found = keys_.Find(parsed->key_id);
    if (found.ask_again && may_ask) return std::nullopt;
    if (found.key == nullptr) return Refused("its key is not in the issuer's set");
    if (found.key->algorithm() != parsed->algorithm) return Refused("its key is of another kind");
    if (absl::Status status = found.key->Verify(std::string(token)); !status.ok()) return status;
    auto verified = ReadClaims(parsed->claims);
    if (!verified.ok()) return verified.status();
    auto shared = std::make_shared<const VerifiedToken>(*std::move(verified));
    remembered_.Add(digest, shared);
    return VerifiedTokenPtr(shared);
  }

  absl::StatusOr<VerifiedToken> ReadClaims(const json& claims) const {
    VerifiedToken token;
    AFLUENTE_ASSIGN_OR_RETURN(token.issuer, Text(claims, "iss", true));
    if (!IsOneOf(token.issuer, rules_.issuers)) return Refused("it is from another issuer");
    AFLUENTE_ASSIGN_OR_RETURN(token.audience, ReadAudience(claims));
    if (!IsOneOf(token.audience, rules_.audiences)) return Refused("it is for another audience");
    AFLUENTE_ASSIGN_OR_RETURN(token.issued, Time(claims, "iat"));
    AFLUENTE_ASSIGN_OR_RETURN(token.expires, Time(claims, "exp"));
    AFLUENTE_RETURN_IF_ERROR(CheckTimes(token));
    if (claims.contains("nbf")) {
      AFLUENTE_ASSIGN_OR_RETURN(const int64_t not_before, Time(claims, "nbf"));
      if (not_before > Now() + kSkewSeconds) return Refused("it is not valid yet");
    }
    AFLUENTE_ASSIGN_OR_RETURN(token.subject, Text(claims, "sub", true));
    AFLUENTE_ASSIGN_OR_RETURN(token.email, ReadEmail(claims));
    AFLUENTE_ASSIGN_OR_RETURN(token.hosted_domain, Text(claims, "hd", false));
    AFLUENTE_ASSIGN_OR_RETURN(token.nonce, Text(claims, "nonce", false));
    AFLUENTE_RETURN_IF_ERROR(ReadGroups(claims, token));
    return token;
  }

  absl::StatusOr<std::string> ReadAudience(const json& claims) const {
    const auto found = claims.find("aud");
    if (found == claims.end()) return Refused("'aud' is missing");
    if (found->is_string()) return found->get<std::string>();
    const bool list_of_one = found->is_array() && found->size() == 1 && found->at(0).is_string();
    if (rules_.plain_audience || !list_of_one) return Refused("'aud' is not exactly one text");
    return found->at(0).get<std::string>();
  }

  absl::StatusOr<std::string> ReadEmail(const json& claims) const {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string email, Text(claims, "email", true));
    if (!spec::IsEmail(email)) return Refused("'email' is not an email address");
    const auto verified = claims.find("email_verified");
    const bool is_verified = verified != claims.end() && verified->is_boolean() && *verified;
    if (rules_.require_verified_email && !is_verified) return Refused("its email is not verified");
    return schema::Lowercase(email);
  }

  absl::Status ReadGroups(const json& claims, VerifiedToken& token) const {
    if (rules_.groups_claim.empty()) return absl::OkStatus();
    const auto found = claims.find(rules_.groups_claim);
    if (found == claims.end()) return absl::OkStatus();
    if (!found->is_array() || found->size() > kGroupsMax) {
      return Refused("its groups are not a list");
    }
    for (const json& group : *found) {
      if (!group.is_string()) return Refused("a group is not a text");
      token.groups.push_back(schema::Lowercase(group.get<std::string>()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckTimes(const VerifiedToken& token) const {
    const int64_t now = Now();
    if (token.issued > now + kSkewSeconds) return Refused("it was issued in the future");
    if (token.expires + kSkewSeconds <= now) return Refused("it has expired");
    if (token.expires <= token.issued) return Refused("it expires before it was issued");
    if (token.expires - token.issued > rules_.life_max.count()) {
      return Refused("it lives longer than such tokens may");
    }
    return absl::OkStatus();
  }

  int64_t Now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch())
        .count();
  }

  const TokenRules rules_;
  KeySource& keys_;
  const host::Clock& clock_;
  VerifiedTokens remembered_;
};

}  // namespace

TokenRules AssertionRules(std::string issuer, std::string audience) {
  TokenRules rules;
  rules.issuers = {std::move(issuer)};
  rules.audiences = {std::move(audience)};
  return rules;
}

TokenRules IdTokenRules(std::string issuer, std::vector<std::string> audiences) {
  TokenRules rules;
  rules.issuers = {std::move(issuer)};
  // Google has two spellings of itself ("OpenID Connect", obtaining user information).
  if (rules.issuers.front() == "https://accounts.google.com") {
    rules.issuers.push_back("accounts.google.com");
  }
  rules.audiences = std::move(audiences);
  rules.allow_rs256 = true;
  rules.plain_audience = false;
  rules.require_verified_email = true;
  rules.life_max = std::chrono::hours(24);
  return rules;
}

std::unique_ptr<Verifier> MakeVerifier(TokenRules rules, KeySource& keys,
                                       const host::Clock& clock) {
  return std::make_unique<RuledVerifier>(std::move(rules), keys, clock);
}

}  // namespace afluente::identity
