#pragma once

// For tests: an issuer with one key, whose tokens can be made wrong in every way.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "identity/jose.h"
#include "identity/key_source.h"

namespace afluente::identity {

inline constexpr int64_t kTestNow = 1'700'000'000;  // ManualClock's start
inline constexpr char kTestIssuer[] = "https://cloud.google.com/iap";
inline constexpr char kTestAudience[] = "/projects/1/locations/us-central1/services/api";

class FakeIssuer {
 public:
  explicit FakeIssuer(Algorithm algorithm = Algorithm::kEs256)
      : key_(*SigningKey::Generate(algorithm)) {}

  // A good assertion's claims.
  static nlohmann::json Claims() {
    return {{"iss", kTestIssuer},         {"aud", kTestAudience}, {"sub", "accounts.google.com:1"},
            {"email", "ana@ltm.example"}, {"iat", kTestNow},      {"exp", kTestNow + 600}};
  }

  const SigningKey& key() const { return *key_; }
  std::string Sign(const nlohmann::json& claims) const { return *key_->Sign(claims.dump()); }
  std::string SignText(std::string_view payload) const { return *key_->Sign(payload); }
  std::string KeySetText() const { return nlohmann::json{{"keys", {key_->PublicJwk()}}}.dump(); }

  // A header and claims with whatever signature.
  static std::string Unsigned(const nlohmann::json& header, const nlohmann::json& claims,
                              std::string_view signature) {
    return EncodeBase64Url(header.dump()) + "." + EncodeBase64Url(claims.dump()) + "." +
           EncodeBase64Url(signature);
  }

 private:
  const std::shared_ptr<const SigningKey> key_;
};

}  // namespace afluente::identity
