#include "identity/key_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "host/faulty_file_system.h"
#include "host/manual_clock.h"
#include "identity/id_token.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr char kPath[] = "data/identity/keys.json";

std::unique_ptr<KeyStore> OpenStore(host::FileSystem& files, const host::Clock& clock,
                                    KeyStoreOptions options = {}) {
  auto store = KeyStore::Open(files, clock, kPath, options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

std::vector<std::string> KeyIds(const Signer& signer) {
  std::vector<std::string> ids;
  const json keys = json::parse(signer.PublicKeys()).at("keys");
  for (const json& key : keys) ids.push_back(key.at("kid"));
  return ids;
}

json HeaderOf(const std::string& token) {
  return json::parse(*DecodeBase64Url(token.substr(0, token.find('.'))));
}

// Whether a key of the set, chosen by the token's kid, accepts the token.
absl::Status VerifyWith(const Signer& signer, const std::string& token) {
  const json keys = json::parse(signer.PublicKeys()).at("keys");
  for (const json& jwk : keys) {
    if (jwk.at("kid") != HeaderOf(token).at("kid")) continue;
    auto key = VerifyingKey::FromJwk(jwk);
    return key.ok() ? (*key)->Verify(token) : key.status();
  }
  return absl::NotFoundError("no such key in the set");
}

class EachAlgorithm : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(All, EachAlgorithm, testing::Values(Algorithm::kEs256, Algorithm::kRs256),
                         [](const auto& each) { return std::string(AlgorithmName(each.param)); });

TEST_P(EachAlgorithm, SignsWhatTheSetVerifiesAlsoAfterRestart) {
  host::FaultyFileSystem files;
  host::ManualClock clock;
  const KeyStoreOptions options{.algorithm = GetParam()};
  auto store = OpenStore(files, clock, options);
  const std::string token = *store->Sign(R"({"sub":"1"})");
  EXPECT_EQ(
      HeaderOf(token),
      (json{{"alg", AlgorithmName(GetParam())}, {"kid", KeyIds(*store).front()}, {"typ", "JWT"}}));
  EXPECT_TRUE(VerifyWith(*store, token).ok());
  std::string changed = token;
  changed[token.find('.') + 3] ^= 1;
  EXPECT_FALSE(VerifyWith(*store, changed).ok());

  store.reset();
  files.PowerLoss();
  store = OpenStore(files, clock, options);
  EXPECT_TRUE(VerifyWith(*store, token).ok());
  EXPECT_TRUE(VerifyWith(*store, *store->Sign("{}")).ok());
}

TEST_P(EachAlgorithm, TheSetHoldsNoPrivateMember) {
  host::FaultyFileSystem files;
  host::ManualClock clock;
  auto store = OpenStore(files, clock, {.algorithm = GetParam()});
  const json set = json::parse(store->PublicKeys());
  for (const json& key : set.at("keys")) {
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi"}) EXPECT_FALSE(key.contains(name));
  }
}

TEST(KeyStore, ANewKeySignsAndTheOldStaysUntilItsTokensAreGone) {
  host::FaultyFileSystem files;
  host::ManualClock clock;
  const KeyStoreOptions options{.rotate_after = seconds(1000), .keep_after = seconds(100)};
  auto store = OpenStore(files, clock, options);
  const std::string first = *store->Sign("{}");
  clock.Advance(seconds(999));
  ASSERT_TRUE(store->RotateIfDue().ok());
  EXPECT_EQ(KeyIds(*store).size(), 1u);
  clock.Advance(seconds(1));
  ASSERT_TRUE(store->RotateIfDue().ok());
  EXPECT_EQ(KeyIds(*store).size(), 2u);
  EXPECT_NE(HeaderOf(*store->Sign("{}")).at("kid"), HeaderOf(first).at("kid"));
  clock.Advance(seconds(100));
  EXPECT_TRUE(VerifyWith(*store, first).ok());
  store = OpenStore(files, clock, options);
  EXPECT_TRUE(VerifyWith(*store, first).ok());
  clock.Advance(seconds(1));
  EXPECT_TRUE(absl::IsNotFound(VerifyWith(*store, first)));
}

TEST(KeyStore, ADueRotationHappensAtOpening) {
  host::FaultyFileSystem files;
  host::ManualClock clock;
  const std::string before = KeyIds(*OpenStore(files, clock)).back();
  clock.Advance(std::chrono::days(31));
  EXPECT_NE(KeyIds(*OpenStore(files, clock)).back(), before);
}

// Fails each operation of a rotation in turn, with a power loss: no key that has signed is lost.
TEST(KeyStore, EveryFailureOfARotationLeavesTheOldKeyAtLeast) {
  for (uint64_t nth = 1;; ++nth) {
    host::FaultyFileSystem files(nth);
    host::ManualClock clock;
    auto store = OpenStore(files, clock);
    const std::string before = *store->Sign("{}");
    files.FailFrom(nth);
    const absl::Status rotated = store->Rotate();
    const bool faulted = files.faults() > 0;
    const std::string after = *store->Sign("{}");
    files.PowerLoss();
    store = OpenStore(files, clock);
    ASSERT_NE(store, nullptr) << nth;
    EXPECT_TRUE(VerifyWith(*store, before).ok()) << nth;
    EXPECT_TRUE(VerifyWith(*store, after).ok()) << nth;
    EXPECT_EQ(rotated.ok(), !faulted);
    if (!faulted) break;
    ASSERT_LT(nth, 50u);
  }
}

TEST(KeyStore, ADamagedFileIsRefusedAndLeftAlone) {
  host::ManualClock clock;
  for (const char* text : {"", "{}", R"({"version":1,"keys":[]})", R"({"version":2,"keys":[{}]})",
                           R"({"version":1,"keys":[{"jwk":{"kty":"EC"}}]})"}) {
    host::FaultyFileSystem files;
    ASSERT_TRUE(files.CreateDirectory("data/identity").ok());
    files.SetContent(kPath, text);
    EXPECT_TRUE(absl::IsDataLoss(KeyStore::Open(files, clock, kPath).status())) << text;
    EXPECT_EQ(files.Content(kPath), text);
  }
}

TEST(KeyStore, TheFileIsItsOwnersAlone) {
  const std::string directory = testing::TempDir() + "/key_store_test";
  std::filesystem::remove_all(directory);
  host::PosixFileSystem files;
  host::ManualClock clock;
  ASSERT_TRUE(KeyStore::Open(files, clock, directory + "/keys.json").ok());
  struct stat state{};
  ASSERT_EQ(stat((directory + "/keys.json").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600u);
  std::filesystem::remove_all(directory);
}

TEST(VerifyingKey, RefusesKeysThatMustNotVerify) {
  const json good = (*SigningKey::Generate(Algorithm::kEs256))->PublicJwk();
  ASSERT_TRUE(VerifyingKey::FromJwk(good).ok());
  json wrong = good;
  wrong["crv"] = "P-384";
  EXPECT_FALSE(VerifyingKey::FromJwk(wrong).ok());
  wrong = good;
  wrong["x"] = good.at("y");
  EXPECT_FALSE(VerifyingKey::FromJwk(wrong).ok()) << "not a point of the curve";
  wrong = good;
  wrong["use"] = "enc";
  EXPECT_FALSE(VerifyingKey::FromJwk(wrong).ok());
  wrong = good;
  wrong["alg"] = "RS256";
  EXPECT_FALSE(VerifyingKey::FromJwk(wrong).ok());
  EXPECT_FALSE(VerifyingKey::FromJwk({{"kty", "oct"}, {"k", "c2VjcmV0"}}).ok());
  json rsa = (*SigningKey::Generate(Algorithm::kRs256))->PublicJwk();
  ASSERT_TRUE(VerifyingKey::FromJwk(rsa).ok());
  rsa["e"] = "AQ";
  EXPECT_FALSE(VerifyingKey::FromJwk(rsa).ok()) << "exponent 1 signs everything";
  rsa["e"] = "AQAB";
  rsa["n"] = rsa.at("n").get<std::string>().substr(0, 172);
  EXPECT_FALSE(VerifyingKey::FromJwk(rsa).ok()) << "1024 bits or so";
}

TEST(Base64Url, TakesTheCanonicalFormAlone) {
  EXPECT_EQ(DecodeBase64Url("YQ"), "a");
  EXPECT_EQ(DecodeBase64Url("_-8"), "\xff\xef");
  for (const char* text : {"YQ==", "YR", "Y Q", "YQ\n", "+/8", "Y", "YQ."}) {
    EXPECT_FALSE(DecodeBase64Url(text).has_value()) << text;
  }
}

TEST(IdToken, LooksLikeGoogles) {
  host::FaultyFileSystem files;
  host::ManualClock clock;
  auto store = OpenStore(files, clock, {.algorithm = Algorithm::kRs256});
  const std::string token = *MintIdToken(
      *store, {.audience = "https://push.example/x", .email = "sender@p.iam.gserviceaccount.com"},
      clock.Now());
  const size_t dot = token.find('.');
  const json claims = json::parse(
      *DecodeBase64Url(std::string_view(token).substr(dot + 1, token.rfind('.') - dot - 1)));
  const std::string subject = SubjectOf("sender@p.iam.gserviceaccount.com");
  EXPECT_EQ(claims, (json{{"iss", "https://accounts.google.com"},
                          {"aud", "https://push.example/x"},
                          {"azp", subject},
                          {"sub", subject},
                          {"email", "sender@p.iam.gserviceaccount.com"},
                          {"email_verified", true},
                          {"iat", 1'700'000'000},
                          {"exp", 1'700'003'600}}));
  EXPECT_TRUE(VerifyWith(*store, token).ok());
}

}  // namespace
}  // namespace afluente::identity
