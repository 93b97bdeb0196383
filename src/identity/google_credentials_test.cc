#include "identity/google_credentials.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "host/manual_clock.h"
#include "identity/form.h"
#include "identity/jose.h"
#include "identity/pem_key.h"

namespace afluente::identity {
namespace {

using nlohmann::json;

std::string NewPem() {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  const std::string pem(text, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

class GoogleCredentialsTest : public testing::Test {
 protected:
  ~GoogleCredentialsTest() override { std::filesystem::remove(path_); }

  GoogleCredentials::Environment WithFile(const json& file) {
    path_ = std::filesystem::temp_directory_path() /
            ("afluente-credentials-" + std::to_string(::getpid()) + ".json");
    std::ofstream(path_) << file.dump();
    return {.credentials_file = path_, .well_known_file = "", .metadata_host = "md.example"};
  }

  Exchange Answering(std::vector<http::Response> answers) {
    return [this, answers](const TokenRequest& request) -> absl::StatusOr<http::Response> {
      requests_.push_back(request);
      return answers[std::min(requests_.size(), answers.size()) - 1];
    };
  }
  static http::Response Token(const std::string& token, int life = 3600) {
    return http::Response::Json(200, json({{"access_token", token}, {"expires_in", life}}).dump());
  }

  host::ManualClock clock_;
  std::vector<TokenRequest> requests_;
  std::string path_;
};

TEST_F(GoogleCredentialsTest, TheMetadataServerIsAskedOnceUntilTheTokenIsOld) {
  auto credentials = GoogleCredentials::Find({.credentials_file = "",
                                              .well_known_file = "/nowhere/at/all",
                                              .metadata_host = "md.example:80"},
                                             Answering({Token("a", 600), Token("b")}), clock_);
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(*(*credentials)->Token(), "a");
  clock_.Advance(std::chrono::seconds(200));
  EXPECT_EQ(*(*credentials)->Token(), "a");
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].url,
            "http://md.example:80/computeMetadata/v1/instance/service-accounts/default/token");
  EXPECT_EQ(*requests_[0].headers.Find("Metadata-Flavor"), "Google");
  clock_.Advance(std::chrono::seconds(101));
  EXPECT_EQ(*(*credentials)->Token(), "b");
}

TEST_F(GoogleCredentialsTest, AnOldTokenServesWhileItLasts) {
  auto credentials = GoogleCredentials::Find(
      {"", "", "md.example"},
      Answering({Token("a", 600), http::Response::Text(503, "text/plain", "")}), clock_);
  EXPECT_EQ(*(*credentials)->Token(), "a");
  clock_.Advance(std::chrono::seconds(500));
  EXPECT_EQ(*(*credentials)->Token(), "a");
  clock_.Advance(std::chrono::seconds(101));
  EXPECT_TRUE(absl::IsUnavailable((*credentials)->Token().status()));
}

TEST_F(GoogleCredentialsTest, AServiceAccountSignsForItsToken) {
  const std::string pem = NewPem();
  auto credentials =
      GoogleCredentials::Find(WithFile({{"type", "service_account"},
                                        {"private_key", pem},
                                        {"private_key_id", "k1"},
                                        {"client_email", "reader@ltm-demo.iam.gserviceaccount.com"},
                                        {"token_uri", "https://oauth.example/token"}}),
                              Answering({Token("t")}), clock_);
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(*(*credentials)->Token(), "t");
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].url, "https://oauth.example/token");
  const auto form = ParseForm(requests_[0].body);
  ASSERT_TRUE(form.has_value());
  const std::string assertion = OnlyField(*form, "assertion");
  const auto key = VerifyingKey::FromJwk((*KeyFromPem(pem, "k1"))->PublicJwk());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE((*key)->Verify(assertion).ok());
  const size_t begin = assertion.find('.') + 1;
  const json claims =
      json::parse(*DecodeBase64Url(assertion.substr(begin, assertion.rfind('.') - begin)));
  EXPECT_EQ(claims["iss"], "reader@ltm-demo.iam.gserviceaccount.com");
  EXPECT_EQ(claims["aud"], "https://oauth.example/token");
  EXPECT_EQ(claims["exp"].get<int64_t>() - claims["iat"].get<int64_t>(), 3600);
}

TEST_F(GoogleCredentialsTest, ImpersonationAsksWithTheSourcesToken) {
  auto credentials = GoogleCredentials::Find(
      WithFile({{"type", "impersonated_service_account"},
                {"service_account_impersonation_url", "https://iam.example/x:generateAccessToken"},
                {"source_credentials",
                 {{"type", "authorized_user"},
                  {"client_id", "c"},
                  {"client_secret", "s"},
                  {"refresh_token", "r"}}}}),
      Answering({Token("own"), http::Response::Json(200, R"({"accessToken":"theirs"})")}), clock_);
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(*(*credentials)->Token(), "theirs");
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(*requests_[1].headers.Find("Authorization"), "Bearer own");
}

TEST_F(GoogleCredentialsTest, WhatCannotBeUsedIsRefusedByName) {
  const auto refused = [&](const json& file) {
    return GoogleCredentials::Find(WithFile(file), Answering({Token("t")}), clock_).status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(refused({{"type", "external_account"}})));
  EXPECT_NE(refused({{"type", "external_account"}}).message().find("external_account"),
            std::string::npos);
  EXPECT_TRUE(absl::IsInvalidArgument(
      refused({{"type", "service_account"}, {"private_key", "no key"}, {"private_key_id", "k"}})));
  EXPECT_TRUE(absl::IsNotFound(
      GoogleCredentials::Find({"/nowhere/at/all", "", ""}, Answering({Token("t")}), clock_)
          .status()));
}

TEST_F(GoogleCredentialsTest, ARefusalIsNotTakenForAToken) {
  auto credentials = GoogleCredentials::Find({"", "", "md.example"},
                                             Answering({http::Response::Json(403, "{}")}), clock_);
  EXPECT_TRUE(absl::IsUnauthenticated((*credentials)->Token().status()));
}

}  // namespace
}  // namespace afluente::identity
