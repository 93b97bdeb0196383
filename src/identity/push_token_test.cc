#include "identity/push_token.h"

#include <gtest/gtest.h>

#include "host/manual_clock.h"
#include "identity/fake_issuer.h"

namespace afluente::identity {
namespace {

using nlohmann::json;

constexpr char kAccount[] = "push@ltm-demo.iam.gserviceaccount.com";
constexpr char kUrl[] = "https://function.example/push";

json Claims() {
  return {{"iss", "https://accounts.google.com"},
          {"aud", kUrl},
          {"sub", "1"},
          {"email", kAccount},
          {"email_verified", true},
          {"iat", kTestNow},
          {"exp", kTestNow + 3600}};
}

json With(const char* name, const json& value) {
  json claims = Claims();
  claims[name] = value;
  return claims;
}

std::string Unsigned(const json& claims) {
  const std::string token = FakeIssuer::Unsigned({{"alg", "RS256"}, {"kid", "k"}}, claims, "");
  return token + "SIGNATURE_REMOVED_BY_GOOGLE";
}

class PushTokenTest : public testing::Test {
 protected:
  PushTokenTest()
      : issuer_(Algorithm::kRs256),
        keys_([this] { return absl::StatusOr<LoadedKeys>(LoadedKeys{issuer_.KeySetText()}); },
              clock_) {}
  absl::Status Check(const std::string& token, bool by_cloud_run = false) {
    return PushTokenCheck({kUrl, kAccount, by_cloud_run}, keys_, clock_).Check(token);
  }

  host::ManualClock clock_;
  FakeIssuer issuer_;
  CachedKeySource keys_;
};

TEST_F(PushTokenTest, ASignedTokenOfTheAccountIsTaken) {
  EXPECT_TRUE(Check(issuer_.Sign(Claims())).ok()) << Check(issuer_.Sign(Claims()));
}

TEST_F(PushTokenTest, EveryOtherIsRefused) {
  for (const json& claims : {With("aud", "https://other.example"),
                             With("email", "other@ltm.example"), With("email_verified", false),
                             With("iss", "https://issuer.example"), With("exp", kTestNow - 60)}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Check(issuer_.Sign(claims)))) << claims;
  }
  EXPECT_TRUE(absl::IsUnauthenticated(Check("")));
  EXPECT_TRUE(absl::IsUnauthenticated(Check(FakeIssuer(Algorithm::kRs256).Sign(Claims()))));
}

TEST_F(PushTokenTest, ARemovedSignatureCountsOnlyBehindCloudRun) {
  EXPECT_TRUE(absl::IsUnauthenticated(Check(Unsigned(Claims()))));
  EXPECT_TRUE(Check(Unsigned(Claims()), true).ok()) << Check(Unsigned(Claims()), true);
  EXPECT_TRUE(absl::IsUnauthenticated(Check(issuer_.Sign(Claims()), true)));
  for (const json& claims :
       {With("aud", "https://other.example"), With("email", "other@ltm.example"),
        With("iss", "https://issuer.example"), With("exp", kTestNow - 60), With("exp", "never")}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Check(Unsigned(claims), true))) << claims;
  }
  for (const std::string& broken :
       {std::string(".SIGNATURE_REMOVED_BY_GOOGLE"), std::string("a.SIGNATURE_REMOVED_BY_GOOGLE"),
        std::string("a.%.SIGNATURE_REMOVED_BY_GOOGLE")}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Check(broken, true))) << broken;
  }
}

}  // namespace
}  // namespace afluente::identity
