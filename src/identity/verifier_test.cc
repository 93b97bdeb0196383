#include "identity/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/match.h"
#include "host/hmac.h"
#include "host/manual_clock.h"
#include "identity/fake_issuer.h"
#include "identity/key_source.h"
#include "identity/token.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using std::chrono::seconds;

struct Refusal {
  const char* name;
  const char* reason;  // a part of it
  json change;         // of the good claims; null takes a member away
};

json Changed(const json& change) {
  json claims = FakeIssuer::Claims();
  claims.merge_patch(change);
  return claims;
}

class VerifierTest : public testing::Test {
 protected:
  std::unique_ptr<Verifier> Make(TokenRules rules) {
    return MakeVerifier(std::move(rules), keys_, clock_);
  }
  std::unique_ptr<Verifier> ForAssertions() {
    return Make(AssertionRules(kTestIssuer, kTestAudience));
  }
  // The reason why the verifier refuses `token`; "" when it does not.
  std::string ReasonOf(const std::string& token) {
    const auto verified = ForAssertions()->Verify(token);
    if (verified.ok()) return "";
    EXPECT_TRUE(absl::IsUnauthenticated(verified.status())) << verified.status();
    return std::string(verified.status().message());
  }

  host::ManualClock clock_;
  FakeIssuer issuer_;
  int loads_ = 0;
  absl::Status outage_;
  std::string set_ = issuer_.KeySetText();
  CachedKeySource keys_{[this]() -> absl::StatusOr<LoadedKeys> {
                          ++loads_;
                          if (!outage_.ok()) return outage_;
                          return LoadedKeys{set_, seconds(300)};
                        },
                        clock_};
};

TEST_F(VerifierTest, BelievesAGoodAssertion) {
  const auto token =
      ForAssertions()->Verify(issuer_.Sign(Changed({{"email", "Ana@LTM.example"}, {"hd", "x.y"}})));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ((*token)->email, "ana@ltm.example");
  EXPECT_EQ((*token)->subject, "accounts.google.com:1");
  EXPECT_EQ((*token)->hosted_domain, "x.y");
  EXPECT_EQ((*token)->audience, kTestAudience);
  EXPECT_EQ((*token)->expires, kTestNow + 600);
}

TEST_F(VerifierTest, RefusesEachWrongClaimByName) {
  const Refusal kRefusals[] = {
      {"issuer", "another issuer", {{"iss", "https://evil.example"}}},
      {"no issuer", "'iss' is missing", {{"iss", nullptr}}},
      {"audience", "another audience", {{"aud", "/projects/2/apps/x"}}},
      {"no audience", "'aud' is missing", {{"aud", nullptr}}},
      {"audience list", "not exactly one", {{"aud", {kTestAudience}}}},
      {"two audiences", "not exactly one", {{"aud", {kTestAudience, "other"}}}},
      {"audience with more", "another audience", {{"aud", std::string(kTestAudience) + "2"}}},
      {"expired", "expired", {{"iat", kTestNow - 630}, {"exp", kTestNow - 30}}},
      {"future", "in the future", {{"iat", kTestNow + 31}, {"exp", kTestNow + 600}}},
      {"not yet", "not valid yet", {{"nbf", kTestNow + 31}}},
      {"too long a life", "lives longer", {{"exp", kTestNow + 601}}},
      {"no expiry", "'exp'", {{"exp", nullptr}}},
      {"text expiry", "'exp'", {{"exp", "1700000600"}}},
      {"fraction", "'iat'", {{"iat", 1.5e9}}},
      {"huge expiry", "out of range", {{"exp", UINT64_MAX}}},
      {"negative", "out of range", {{"iat", -1}}},
      {"backwards", "before it was issued", {{"exp", kTestNow - 1}}},
      {"no email", "'email'", {{"email", nullptr}}},
      {"hd alone", "'email'", {{"email", nullptr}, {"hd", "ltm.example"}}},
      {"two ats", "not an email", {{"email", "ana@evil.example@ltm.example"}}},
      {"line feed", "not an email", {{"email", "ana@ltm.example\nx"}}},
      {"unicode", "not an email", {{"email", "ana@ltm.examp\u217Ce"}}},
      {"no subject", "'sub'", {{"sub", nullptr}}},
  };
  for (const Refusal& refusal : kRefusals) {
    EXPECT_THAT(ReasonOf(issuer_.Sign(Changed(refusal.change))), testing::HasSubstr(refusal.reason))
        << refusal.name;
  }
}

TEST_F(VerifierTest, AllowsThirtySecondsOfSkewAndNotOneMore) {
  EXPECT_EQ(ReasonOf(issuer_.Sign(Changed({{"iat", kTestNow + 30}, {"exp", kTestNow + 630}}))), "");
  EXPECT_EQ(ReasonOf(issuer_.Sign(Changed({{"iat", kTestNow - 60}, {"exp", kTestNow - 29}}))), "");
}

TEST_F(VerifierTest, RefusesEachForgedHeader) {
  const std::string kid = issuer_.key().id();
  const std::string wide(64, 'x');
  const json good = {{"alg", "ES256"}, {"kid", kid}, {"typ", "JWT"}};
  const auto with = [&good](const json& change) {
    json header = good;
    header.merge_patch(change);
    return header;
  };
  const std::pair<json, const char*> kHeaders[] = {
      {good, "signature is not this key's"},
      {with({{"alg", "none"}}), "none of ours"},
      {with({{"alg", "HS256"}}), "none of ours"},
      {with({{"alg", "ES384"}}), "none of ours"},
      {with({{"alg", "es256"}}), "none of ours"},
      {with({{"alg", nullptr}}), "none of ours"},
      {with({{"alg", "RS256"}}), "not ES256"},
      {with({{"jku", "https://evil.example/keys"}}), "'jku'"},
      {with({{"x5u", "https://evil.example/keys"}}), "'x5u'"},
      {with({{"x5c", json::array()}}), "'x5c'"},
      {with({{"jwk", issuer_.key().PublicJwk()}}), "'jwk'"},
      {with({{"crit", {"exp"}}}), "'crit'"},
      {with({{"b64", false}}), "'b64'"},
      {with({{"typ", "at+jwt"}}), "type"},
      {with({{"kid", nullptr}}), "names no key"},
      {with({{"kid", 7}}), "names no key"},
      {with({{"kid", "another"}}), "not in the issuer's set"},
      {with({{"kid", "../../etc/passwd"}}), "not in the issuer's set"},
  };
  for (const auto& [header, reason] : kHeaders) {
    const std::string token = FakeIssuer::Unsigned(header, FakeIssuer::Claims(), wide);
    EXPECT_THAT(ReasonOf(token), testing::HasSubstr(reason)) << header;
  }
  EXPECT_THAT(ReasonOf(FakeIssuer::Unsigned(good, FakeIssuer::Claims(), "")),
              testing::HasSubstr("not signed"));
}

TEST_F(VerifierTest, HmacWithThePublicKeyIsNoSignature) {
  const json header = {{"alg", "HS256"}, {"kid", issuer_.key().id()}};
  const std::string signed_part =
      EncodeBase64Url(header.dump()) + "." + EncodeBase64Url(FakeIssuer::Claims().dump());
  const std::string mac = host::HmacSha256(issuer_.key().PublicJwk().dump(), signed_part);
  EXPECT_THAT(ReasonOf(signed_part + "." + EncodeBase64Url(mac)),
              testing::HasSubstr("none of ours"));
}

TEST_F(VerifierTest, RefusesWhatIsNoToken) {
  const std::string good = issuer_.Sign(FakeIssuer::Claims());
  EXPECT_EQ(ReasonOf(good), "");
  for (size_t size = 0; size < good.size(); size += 7) {
    EXPECT_NE(ReasonOf(good.substr(0, size)), "") << size;
  }
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), good + ".", good + "=", " " + good,
        good + "\n", good + "." + good, "{" + good, std::string(kTokenBytesMax + 1, 'a')}) {
    EXPECT_NE(ReasonOf(text), "") << text.substr(0, 40);
  }
}

// Each single bit of a good token matters.
TEST_F(VerifierTest, NoBitMayChange) {
  const std::string good = issuer_.Sign(FakeIssuer::Claims());
  auto verifier = ForAssertions();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] ^= 1;
    EXPECT_FALSE(verifier->Verify(changed).ok()) << i;
  }
}

TEST_F(VerifierTest, AMemberNamedTwiceIsRefused) {
  std::string payload = FakeIssuer::Claims().dump();
  payload.insert(1, R"("email":"bob@ltm.example",)");
  EXPECT_THAT(ReasonOf(issuer_.SignText(payload)), testing::HasSubstr("occurs twice"));
}

TEST_F(VerifierTest, AKeyOfAnotherKindIsRefused) {
  const FakeIssuer rsa(Algorithm::kRs256);
  json jwk = rsa.key().PublicJwk();
  jwk["kid"] = issuer_.key().id();
  set_ = json{{"keys", {jwk}}}.dump();
  EXPECT_THAT(ReasonOf(issuer_.Sign(FakeIssuer::Claims())), testing::HasSubstr("another kind"));
}

TEST_F(VerifierTest, ARememberedTokenExpiresToo) {
  auto verifier = ForAssertions();
  const std::string token = issuer_.Sign(FakeIssuer::Claims());
  ASSERT_TRUE(verifier->Verify(token).ok());
  clock_.Advance(seconds(629));
  EXPECT_TRUE(verifier->Verify(token).ok());
  clock_.Advance(seconds(1));
  EXPECT_FALSE(verifier->Verify(token).ok());
}

TEST_F(VerifierTest, KeysAreFetchedOnceAndNeverWhileNotToBlock) {
  auto verifier = ForAssertions();
  EXPECT_FALSE(verifier->VerifyNow(issuer_.Sign(FakeIssuer::Claims())).has_value());
  EXPECT_EQ(loads_, 0);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(verifier->Verify(issuer_.Sign(FakeIssuer::Claims())).ok());
  }
  EXPECT_EQ(loads_, 1);
}

TEST_F(VerifierTest, AnUnknownKeyMakesItAskOnceAnInterval) {
  auto verifier = ForAssertions();
  ASSERT_TRUE(verifier->Verify(issuer_.Sign(FakeIssuer::Claims())).ok());
  const FakeIssuer other;
  clock_.Advance(CachedKeySource::kRefreshInterval);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(verifier->Verify(other.Sign(FakeIssuer::Claims())).ok());
  }
  EXPECT_EQ(loads_, 2);
  set_ = other.KeySetText();
  clock_.Advance(CachedKeySource::kRefreshInterval);
  EXPECT_TRUE(verifier->Verify(other.Sign(FakeIssuer::Claims())).ok());
  EXPECT_EQ(loads_, 3);
}

TEST_F(VerifierTest, OldKeysOutliveAnOutage) {
  auto verifier = ForAssertions();
  ASSERT_TRUE(verifier->Verify(issuer_.Sign(FakeIssuer::Claims())).ok());
  outage_ = absl::UnavailableError("down");
  clock_.Advance(seconds(3600));
  for (int i = 0; i < 3; ++i) {
    const json claims = Changed({{"iat", kTestNow + 3600}, {"exp", kTestNow + 4000 + i}});
    EXPECT_TRUE(verifier->Verify(issuer_.Sign(claims)).ok());
  }
  EXPECT_EQ(loads_, 2);
}

TEST_F(VerifierTest, WithoutKeysItIsTheOutageThatRefuses) {
  outage_ = absl::UnavailableError("down");
  const auto verified = ForAssertions()->Verify(issuer_.Sign(FakeIssuer::Claims()));
  EXPECT_TRUE(absl::IsUnavailable(verified.status())) << verified.status();
}

TEST_F(VerifierTest, ThreadsThatNeedAKeyWaitForOneFetch) {
  auto verifier = ForAssertions();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto claims = Changed({{"exp", kTestNow + 500 + i}});
      good += verifier->Verify(issuer_.Sign(claims)).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(loads_, 1);
  EXPECT_EQ(good, 8);
}

TEST_F(VerifierTest, IdTokensMayBeRs256ButNeedAVerifiedEmail) {
  const FakeIssuer google(Algorithm::kRs256);
  set_ = google.KeySetText();
  TokenRules rules = IdTokenRules("https://accounts.google.com", {"client"});
  rules.groups_claim = "groups";
  auto verifier = Make(rules);
  const json good = Changed({{"iss", "accounts.google.com"},
                             {"aud", json::array({"client"})},
                             {"exp", kTestNow + 3600},
                             {"email_verified", true},
                             {"nonce", "n"},
                             {"groups", {"Analysts@ltm.example"}}});
  const auto token = verifier->Verify(google.Sign(good));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ((*token)->nonce, "n");
  EXPECT_THAT((*token)->groups, testing::ElementsAre("analysts@ltm.example"));
  for (const json& change : {json{{"email_verified", false}}, json{{"email_verified", nullptr}},
                             json{{"email_verified", "true"}}, json{{"aud", {"client", "b"}}},
                             json{{"groups", "analysts@ltm.example"}}}) {
    json claims = good;
    claims.merge_patch(change);
    EXPECT_FALSE(verifier->Verify(google.Sign(claims)).ok()) << change;
  }
}

TEST(ParseKeySet, PassesOverForeignKeysButNotOverTwins) {
  const json ours = FakeIssuer().key().PublicJwk();
  const json foreign = {{"kty", "OKP"}, {"kid", "x"}};
  EXPECT_EQ(ParseKeySet(json{{"keys", {foreign, ours}}}.dump())->size(), 1u);
  for (const json& set : {json{{"keys", {ours, ours}}}, json{{"keys", {foreign}}}, json{{"x", 1}},
                          json{{"keys", json::array()}}, json{{"keys", ours}}}) {
    EXPECT_FALSE(ParseKeySet(set.dump()).ok()) << set;
  }
}

TEST(LoadFromUrl, TakesHttpsLoopbackAndFilesAlone) {
  for (const char* url :
       {"https://www.gstatic.com/iap/verify/public_key-jwk", "http://127.0.0.1:8080/keys",
        "http://localhost/keys", "http://[::1]:1/k", "file:keys.json", "file:///etc/keys.json"}) {
    EXPECT_TRUE(LoadFromUrl(url).ok()) << url;
  }
  for (const char* url :
       {"http://169.254.169.254/computeMetadata", "http://127.0.0.1@evil.example/keys",
        "http://localhost.evil.example/keys", "http://2130706433/", "ftp://127.0.0.1/",
        "gopher://localhost", "", "/keys"}) {
    EXPECT_FALSE(LoadFromUrl(url).ok()) << url;
  }
}

}  // namespace
}  // namespace afluente::identity
