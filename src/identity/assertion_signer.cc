#include "identity/assertion_signer.h"

#include <nlohmann/json.hpp>

#include "host/check.h"
#include "spec/member.h"

namespace afluente::identity {
namespace {

constexpr int64_t kLife = 600;
constexpr int64_t kUsedAgain = 60;
constexpr size_t kUsersMax = 10'000;

}  // namespace

absl::StatusOr<std::string> AssertionSigner::SignFor(const ProvenUser& user) {
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
  nlohmann::json claims = {{"iss", issuer_},
                           {"aud", audience_},
                           {"sub", "accounts.google.com:" + user.subject},
                           {"email", user.email}};
  if (!spec::IsServiceAccountEmail(user.email)) {
    claims["hd"] = user.email.substr(user.email.rfind('@') + 1);
  }
  if (!user.groups.empty()) claims["groups"] = user.groups;
  const std::string who = claims.dump();
  {
    absl::MutexLock lock(&mutex_);
    const auto found = signed_.find(who);
    if (found != signed_.end() && now < found->second.until) return found->second.token;
  }
  claims["iat"] = now;
  claims["exp"] = now + kLife;
  AFLUENTE_ASSIGN_OR_RETURN(std::string token, signer_.Sign(claims.dump()));
  absl::MutexLock lock(&mutex_);
  if (signed_.size() >= kUsersMax) signed_.clear();
  signed_[who] = {token, now + kUsedAgain};
  return token;
}

}  // namespace afluente::identity
