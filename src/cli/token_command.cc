#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "host/check.h"
#include "host/digest.h"
#include "host/random.h"
#include "http/client.h"
#include "identity/developer_issuer.h"
#include "identity/form.h"
#include "identity/jose.h"

namespace afluente::cli {
namespace {

constexpr char kRedirect[] = "http://127.0.0.1/";

// The code flow, as a browser and its client would do it.
absl::StatusOr<std::string> SignIn(const std::string& issuer, const std::string& user,
                                   const std::string& client) {
  const std::string verifier = identity::EncodeBase64Url(host::RandomBytes(32));
  const std::string question =
      identity::EncodeForm({{"response_type", "code"},
                            {"client_id", client},
                            {"redirect_uri", kRedirect},
                            {"code_challenge", identity::EncodeBase64Url(host::Sha256(verifier))},
                            {"code_challenge_method", "S256"},
                            {"login", user}});
  AFLUENTE_ASSIGN_OR_RETURN(const auto page, http::Fetch("GET", issuer + "/authorize?" + question));
  const std::string* location = page.headers.Find("Location");
  if (location == nullptr || location->find('?') == std::string::npos) {
    const auto problem = nlohmann::json::parse(page.body, nullptr, false);
    return absl::InvalidArgumentError(
        problem.is_object() ? problem.value("error_description", page.body)
                            : "this instance has no developer issuer (access.login names another)");
  }
  const auto answer = identity::ParseForm(location->substr(location->find('?') + 1));
  http::Headers headers;
  headers.Add("Content-Type", "application/x-www-form-urlencoded");
  AFLUENTE_ASSIGN_OR_RETURN(
      const auto redeemed,
      http::Fetch(
          "POST", issuer + "/token",
          identity::EncodeForm(
              {{"grant_type", "authorization_code"},
               {"code", identity::OnlyField(answer.value_or(identity::FormFields()), "code")},
               {"redirect_uri", kRedirect},
               {"client_id", client},
               {"code_verifier", verifier}}),
          headers));
  const auto tokens = nlohmann::json::parse(redeemed.body, nullptr, false);
  if (redeemed.status != 200 || !tokens.is_object() || !tokens.contains("id_token")) {
    return absl::UnavailableError(absl::StrCat("the developer issuer answered ", redeemed.status));
  }
  return tokens.value("id_token", "");
}

}  // namespace

int RunToken(const InstanceLocation& location, const std::string& user,
             const std::string& audience) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  if (instance->proxy.empty()) {
    return Fail(absl::InvalidArgumentError(
        "this instance has no proxy: its specification has no access:, or an outside assertion"));
  }
  const auto token = SignIn(instance->proxy + identity::kIssuerPath, user,
                            audience.empty() ? identity::kDeveloperClient : audience);
  if (!token.ok()) return Fail(token.status());
  std::printf("%s\n", token->c_str());
  return 0;
}

}  // namespace afluente::cli
