#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::identity {

// The two signatures that Google's tokens have: ECDSA over P-256 and RSASSA-PKCS1-v1_5, both with
// SHA-256 (RFC 7518, 3.3 and 3.4). No other is ever made or accepted.
enum class Algorithm { kEs256, kRs256 };
std::string_view AlgorithmName(Algorithm algorithm);
// nullopt for every other name, "none" among them.
std::optional<Algorithm> FindAlgorithm(std::string_view name);

// Base64url without padding (RFC 7515, 2). Decoding takes the one canonical form alone: nullopt for
// padding, white space, foreign characters and bits beyond the last byte.
std::string EncodeBase64Url(std::string_view bytes);
std::optional<std::string> DecodeBase64Url(std::string_view text);

// The public half of a key. Immutable; any thread.
class VerifyingKey {
 public:
  // From a JWK (RFC 7517). Only its public members are looked at, and its kind decides the
  // algorithm. INVALID_ARGUMENT for a key of another kind or curve, of a weak or absurd size, or
  // whose `use` or `alg` says something else than such signatures.
  static absl::StatusOr<std::shared_ptr<const VerifyingKey>> FromJwk(const nlohmann::json& jwk);

  Algorithm algorithm() const { return algorithm_; }
  const std::string& id() const { return id_; }
  // UNAUTHENTICATED unless `token`, a compact JWS whose header names this key's algorithm, bears
  // this key's signature. The caller has checked that header.
  absl::Status Verify(const std::string& token) const;

 private:
  struct Jwk;
  VerifyingKey(Algorithm algorithm, std::string id, std::shared_ptr<const Jwk> jwk)
      : algorithm_(algorithm), id_(std::move(id)), jwk_(std::move(jwk)) {}
  const Algorithm algorithm_;
  const std::string id_;
  const std::shared_ptr<const Jwk> jwk_;  // shared: an opaque type needs its deleter kept
};

// A key pair. Immutable; any thread.
class SigningKey {
 public:
  // A new key with a random id. Blocks for some hundred milliseconds with kRs256.
  static absl::StatusOr<std::shared_ptr<const SigningKey>> Generate(Algorithm algorithm);
  // From what PrivateJwk gave. DATA_LOSS when it is not that.
  static absl::StatusOr<std::shared_ptr<const SigningKey>> FromPrivateJwk(
      const nlohmann::json& jwk);

  Algorithm algorithm() const { return algorithm_; }
  const std::string& id() const { return id_; }
  nlohmann::json PrivateJwk() const;
  // With `alg`, `kid` and `use`, as a JWK set lists it.
  nlohmann::json PublicJwk() const;
  // A compact JWS over `payload`, its header `alg`, `kid` and `typ` JWT.
  absl::StatusOr<std::string> Sign(std::string_view payload) const;

 private:
  struct Jwk;
  SigningKey(Algorithm algorithm, std::string id, std::shared_ptr<const Jwk> jwk)
      : algorithm_(algorithm), id_(std::move(id)), jwk_(std::move(jwk)) {}
  nlohmann::json ToJson(bool with_private) const;
  const Algorithm algorithm_;
  const std::string id_;
  const std::shared_ptr<const Jwk> jwk_;  // as above
};

}  // namespace afluente::identity
