#include "roles/push_tokens.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "broker/resources.h"
#include "host/manual_clock.h"
#include "identity/jose.h"

namespace afluente::roles {
namespace {

class PushTokensTest : public testing::Test {
 protected:
  PushTokensTest() { std::filesystem::create_directories(directory_); }
  ~PushTokensTest() override { std::filesystem::remove_all(directory_); }

  static nlohmann::json Claims(const std::string& token) {
    const size_t first = token.find('.');
    const size_t second = token.find('.', first + 1);
    return nlohmann::json::parse(
        *identity::DecodeBase64Url(token.substr(first + 1, second - first - 1)));
  }

  const std::string directory_ = testing::TempDir() + "push_tokens_" + std::to_string(getpid());
  host::ManualClock clock_;
  PushTokens tokens_{clock_, directory_ + "/keys.json"};
};

TEST_F(PushTokensTest, ATokenIsKeptAndRenewedBeforeItEnds) {
  const broker::OidcToken asked{"svc@p.iam.gserviceaccount.com", ""};
  const auto first = tokens_.TokenFor(asked, "https://here/push");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto claims = Claims(*first);
  EXPECT_EQ(claims["aud"], "https://here/push");
  EXPECT_EQ(claims["email"], "svc@p.iam.gserviceaccount.com");
  EXPECT_EQ(claims["email_verified"], true);
  EXPECT_EQ(claims["iss"], "https://accounts.google.com");
  EXPECT_EQ(claims["exp"].get<int64_t>() - claims["iat"].get<int64_t>(), 3600);
  clock_.Advance(std::chrono::minutes(54));
  EXPECT_EQ(*tokens_.TokenFor(asked, "https://here/push"), *first);
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_GT(Claims(*tokens_.TokenFor(asked, "https://here/push"))["iat"], claims["iat"]);
}

TEST_F(PushTokensTest, AnAudienceOfItsOwnAndTheSameKeysAfterARestart) {
  const auto token = tokens_.TokenFor({"svc@p", "mine"}, "https://here/");
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(Claims(*token)["aud"], "mine");
  PushTokens again(clock_, directory_ + "/keys.json");
  EXPECT_EQ(*again.PublicKeys(), *tokens_.PublicKeys());
}

}  // namespace
}  // namespace afluente::roles
